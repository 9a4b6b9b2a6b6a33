import {
  type ClassElement,
  parseSync,
  type Statement,
  type TSSignature,
} from 'oxc-parser'

/** What a name in a file's text stands for. Lines count from 1, and the last one belongs. */
export interface Definition {
  /** `Peer`, `Peer.requestVote`, or a test's sentence in single quotes. */
  readonly name: string
  readonly firstLine: number
  readonly lastLine: number
}

/** What a file defines, without the comments before it: TypeScript, or the RPCs in a .proto. */
export function definitionsIn(text: string, file: string): Definition[] {
  if (file.endsWith('.proto')) return protoDefinitions(text)
  const { program } = parseSync(file, text)
  return program.body.flatMap((statement) =>
    definedBy(statement).map(({ name, node: { start, end } }) => ({
      name,
      firstLine: lineAt(text, start),
      lastLine: lineAt(text, end),
    })),
  )
}

/** What a function or method does: where its braces are in the text, both belong. */
export interface Body {
  /** As in a `Definition`. */
  readonly name: string
  readonly start: number
  readonly end: number
}

/** The bodies of a file's functions and methods. */
export function bodiesIn(text: string, file: string): Body[] {
  const { program } = parseSync(file, text)
  return program.body.flatMap(definedBy).flatMap(({ name, node }) => {
    const body = bodyOf(node)
    return body ? [{ name, start: body.start, end: body.end }] : []
  })
}

type Node = Statement | ClassElement | TSSignature

interface Named {
  readonly name: string
  readonly node: Node
}

function bodyOf(node: Node): { readonly start: number; readonly end: number } | null {
  if (node.type === 'ExportNamedDeclaration') {
    return node.declaration ? bodyOf(node.declaration) : null
  }
  if (node.type === 'FunctionDeclaration') return node.body
  return node.type === 'MethodDefinition' ? node.value.body : null
}

function definedBy(statement: Statement): Named[] {
  const isExport = statement.type === 'ExportNamedDeclaration'
  const definition = (isExport && statement.declaration) || statement
  const named = (name: string) => ({ name, node: statement })
  switch (definition.type) {
    case 'ClassDeclaration':
    case 'TSInterfaceDeclaration': {
      const name = definition.id?.name ?? ''
      return [named(name), ...definition.body.body.flatMap((m) => member(name, m))]
    }
    case 'FunctionDeclaration':
    case 'TSTypeAliasDeclaration':
      return definition.id ? [named(definition.id.name)] : []
    case 'VariableDeclaration':
      return definition.declarations.flatMap(({ id }) =>
        id.type === 'Identifier' ? [named(id.name)] : [],
      )
    case 'ExpressionStatement': {
      const sentence = sentenceOf(definition.expression)
      return sentence === null ? [] : [named(`'${sentence}'`)]
    }
    default:
      return []
  }
}

function member(owner: string, node: ClassElement | TSSignature): Named[] {
  if (!('key' in node)) return []
  const { key } = node
  if (key.type === 'PrivateIdentifier') return [{ name: `${owner}.#${key.name}`, node }]
  return key.type === 'Identifier' ? [{ name: `${owner}.${key.name}`, node }] : []
}

/** The sentence of a call like test('a leader …', …). */
function sentenceOf(
  call: Extract<Statement, { type: 'ExpressionStatement' }>['expression'],
): string | null {
  if (call.type !== 'CallExpression' || call.callee.type !== 'Identifier') return null
  if (!['test', 'scenario'].includes(call.callee.name)) return null
  const [first] = call.arguments
  return first?.type === 'Literal' && typeof first.value === 'string'
    ? first.value
    : null
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** Messages and services stand at the margin, and so do the braces that end them. */
function protoDefinitions(text: string): Definition[] {
  const lines = text.split('\n')
  return lines.flatMap((line, at) => {
    const name = /^(?:message|service) (\w+)/.exec(line)?.[1]
    if (name === undefined) return []
    return [{ name, firstLine: at + 1, lastLine: lines.indexOf('}', at) + 1 }]
  })
}
