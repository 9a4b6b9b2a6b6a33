import { readFileSync } from 'node:fs'
import Handlebars from 'handlebars'
import { paint, say } from '../cli/print.ts'
import type { Failure } from './failure.ts'
import type { Grade, Step } from './grade.ts'

/** Says what holds, and what fails first. */
export function tell({ exercise, steps, percent, failure }: Grade): void {
  const width = Math.max(...steps.map(({ title }) => title.length))
  for (const [i, { title, state, extent }] of steps.entries()) {
    const number = `${i + 1}`.padStart(2)
    const rest = extent === '' ? '' : `  ${' '.repeat(width - title.length)}${extent}`
    say(`${signOf(state)}  ${number}  ${title}${paint('dim', rest)}`)
  }
  if (failure) tellFailure(failure)
  say(
    `\n${paint('bold', `${exercise}: ${percent} %`)}${percent === 100 ? ', all of it holds' : ''}`,
  )
}

function tellFailure({ why, details, command, read, timeline }: Failure): void {
  say(`\n${paint(['red', 'bold'], why)}`)
  if (details !== '') say(details.replaceAll(/^(?=.)/gm, '  '))
  say('')
  if (command) say(`show it     ${command}`)
  say(`read again  ${read}`)
  if (timeline) say(`timeline    ${timeline}`)
}

function signOf(state: Step['state']): string {
  if (state === 'holds') return paint('green', 'holds')
  return state === 'fails' ? paint('red', 'FAILS') : paint('dim', '    –')
}

/** As JUnit's XML: each step is a test case. */
export function junitOf({ exercise, steps, failure }: Grade): string {
  const template = readFileSync(new URL('report.hbs', import.meta.url), 'utf8')
  const number = (state: Step['state']) => steps.filter((s) => s.state === state).length
  return Handlebars.compile(template)({
    exercise,
    failures: number('fails'),
    skipped: number('not reached'),
    steps: steps.map(({ title, state }) => ({
      title,
      failure: state === 'fails' && failure,
      isSkipped: state === 'not reached',
    })),
  })
}
