/** What only a code host reads: it is not run here, so it is checked against its shape. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as Parser from '@actions/workflow-parser'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'

const ROOT = join(import.meta.dirname, '../../..')
const WORKFLOWS = '.github/workflows'
const FORMS = '.github/ISSUE_TEMPLATE'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
/** It imports JSON as no Node takes it: so it is bundled. */
async function loadParser(): Promise<typeof Parser> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(import.meta.resolve('@actions/workflow-parser'))],
    bundle: true,
    format: 'esm',
    write: false,
  })
  const code = outputFiles[0]?.text ?? ''
  return import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`)
}

const { NoOperationTraceWriter, parseWorkflow } = await loadParser()
const workflows = readdirSync(join(ROOT, WORKFLOWS))
const forms = readdirSync(join(ROOT, FORMS)).filter((name) => name !== 'config.yml')

test.each(workflows)('%s is a workflow, by the schema of GitHub itself', (name) => {
  const { context } = parseWorkflow(
    { name, content: read(join(WORKFLOWS, name)) },
    new NoOperationTraceWriter(),
  )
  expect(context.errors.getErrors().map(({ message }) => message)).toEqual([])
})

test.each(workflows)('%s takes actions by their commits, and may only read', (name) => {
  const text = read(join(WORKFLOWS, name))
  const uses = [...text.matchAll(/uses: (.*)/g)].map(([, action]) => action)
  expect(uses.length).toBeGreaterThan(0)
  for (const action of uses) {
    expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  }
  expect(parse(text).permissions).toEqual({ contents: 'read' })
  // What others have written is no command.
  const runs = [...text.matchAll(/run: (.*)/g)].map(([, command]) => command)
  for (const command of runs) expect(command).not.toContain('${{')
})

test('CI runs what runs anywhere, and grades by the command of a reader', () => {
  expect(read(join(WORKFLOWS, 'ci.yml'))).toContain('run: bash .ci/run')
  expect(read(join(WORKFLOWS, 'grade.yml'))).toContain('npm run -s grade -- "$EXERCISE"')
})

/** docs.github.com: "Syntax for GitHub's form schema". */
const text = z.string().min(1)
const field = z.strictObject({
  type: z.enum(['textarea', 'input']),
  id: z.string().regex(/^[a-z][\w-]*$/),
  attributes: z.strictObject({
    label: text,
    description: text.optional(),
    placeholder: text.optional(),
    value: text.optional(),
    render: text.optional(),
  }),
  validations: z.strictObject({ required: z.boolean() }).optional(),
})
const form = z.strictObject({
  name: text,
  description: text,
  title: text.optional(),
  labels: z.array(text),
  body: z.array(field).min(1),
})

test.each(forms)('%s is a form for issues', (name) => {
  const { body } = form.parse(parse(read(join(FORMS, name))))
  expect(new Set(body.map(({ id }) => id)).size).toBe(body.length)
})

test('the chooser of forms lets issues be written without one', () => {
  const config = z.strictObject({ blank_issues_enabled: z.boolean() })
  expect(config.parse(parse(read(join(FORMS, 'config.yml'))))).toBeTruthy()
})

/** citation-file-format.github.io: version 1.2.0, as far as it is used. */
const person = z.union([
  z.strictObject({ name: text }),
  z.strictObject({ 'family-names': text, 'given-names': text }),
])
const citation = z.strictObject({
  'cff-version': z.literal('1.2.0'),
  message: text,
  title: text,
  type: z.enum(['software', 'dataset']),
  abstract: text,
  authors: z.array(person).min(1),
  license: z.literal('MIT'),
  keywords: z.array(text).min(1),
  references: z.array(
    z.strictObject({
      type: z.literal('conference-paper'),
      title: text,
      authors: z.array(person).min(1),
      year: z.int(),
      conference: z.strictObject({ name: text }),
    }),
  ),
})

test('CITATION.cff has what the format asks for', () => {
  citation.parse(parse(read('CITATION.cff')))
  expect(read('LICENSE')).toMatch(/^MIT License/)
})

/** containers.dev: "Dev Container metadata reference", as far as it is used. */
const devcontainer = z.strictObject({
  name: text,
  image: z
    .string()
    .regex(/^mcr\.microsoft\.com\/devcontainers\/typescript-node:\d+-\w+$/),
  postCreateCommand: text,
  forwardPorts: z.array(z.int().min(1).max(65_535)),
  portsAttributes: z.record(
    z.string().regex(/^\d+$/),
    z.strictObject({
      label: text,
      onAutoForward: z.enum([
        'notify',
        'openBrowser',
        'openPreview',
        'silent',
        'ignore',
      ]),
    }),
  ),
  customizations: z.strictObject({
    vscode: z.strictObject({
      extensions: z.array(z.string().regex(/^[\w-]+\.[\w-]+$/)),
      settings: z.record(text, z.unknown()),
    }),
  }),
})

test('the devcontainer has a Node that the repository takes, and installs its packages', () => {
  const { image, postCreateCommand, forwardPorts, portsAttributes } = devcontainer.parse(
    JSON.parse(read('.devcontainer/devcontainer.json')),
  )
  const [, node] = /:(\d+)-/.exec(image) ?? []
  expect(JSON.parse(read('package.json')).engines.node).toBe(`>=${node}.19`)
  const [, script = ''] = /^sh (\S+)$/.exec(postCreateCommand) ?? []
  expect(read(script)).toMatch(/^#!\/bin\/sh/)
  expect(forwardPorts.map(String)).toEqual(Object.keys(portsAttributes))
})

test('the changelog is by days, the newest first', () => {
  const days = [...read('CHANGELOG.md').matchAll(/^## (.*)$/gm)].map(([, day]) => day)
  for (const day of days) expect(day).toMatch(/^\d{4}-\d{2}-\d{2}$/)
  expect(days).toEqual(days.toSorted().reverse())
})
