import { familyOf, shadeOf } from '../../testlog/rpc.ts'
import type { Arrow } from './arrows.ts'

/** Where an arrow goes, in px of the canvas. */
export interface Line {
  readonly arrow: Arrow
  readonly x0: number
  readonly y0: number
  readonly x1: number
  readonly y1: number
  readonly label: string
}

export interface Ink {
  readonly vote: string
  readonly append: string
  readonly others: readonly string[]
  readonly lost: string
  readonly paper: string
}

const HEAD = 7

/** Draws messages; those of the selected RPC stand out, the others step back. */
export function drawArrows(
  context: CanvasRenderingContext2D,
  lines: readonly Line[],
  ink: Ink,
  selectedRpc: number,
): void {
  const isSelected = ({ arrow }: Line) => selectedRpc !== 0 && arrow.rpc === selectedRpc
  const ordered = [...lines].sort(
    (a, b) => Number(isSelected(a)) - Number(isSelected(b)),
  )
  for (const line of ordered) {
    const { arrow } = line
    context.globalAlpha = alphaOf(arrow, isSelected(line), selectedRpc !== 0)
    context.lineWidth = isSelected(line) ? 2.2 : 1.2
    const color = arrow.end === 'lost' ? ink.lost : colorOf(arrow, ink)
    context.strokeStyle = color
    context.fillStyle = color
    drawOne(context, line, ink)
  }
  context.globalAlpha = 1
}

function alphaOf(arrow: Arrow, isSelected: boolean, anySelected: boolean): number {
  if (isSelected) return 1
  if (arrow.end === 'lost') return 0.85
  if (arrow.isHeartbeat) return anySelected ? 0.25 : 0.4
  return anySelected ? 0.4 : 0.7
}

function colorOf({ method }: Arrow, ink: Ink): string {
  const family = familyOf(method)
  return family === 'other' ? (ink.others[shadeOf(method)] ?? '') : ink[family]
}

function drawOne(context: CanvasRenderingContext2D, line: Line, ink: Ink): void {
  const { arrow, x0, y0, x1, y1 } = line
  context.setLineDash(arrow.isGuess ? [1, 3] : arrow.isReply ? [5, 3] : [])
  context.beginPath()
  context.moveTo(x0, y0)
  context.lineTo(x1, y1)
  context.stroke()
  context.setLineDash([])
  dot(context, x0, y0)
  if (arrow.end === 'lost') cross(context, x1, y1, line.label, x1 < x0, ink)
  else if (arrow.end === 'unknown') openEnd(context, x1, y1)
  else head(context, x1, y1, Math.atan2(y1 - y0, x1 - x0))
}

function dot(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.beginPath()
  context.arc(x, y, 2.2, 0, 2 * Math.PI)
  context.fill()
}

function head(context: CanvasRenderingContext2D, x: number, y: number, a: number): void {
  context.beginPath()
  context.moveTo(x, y)
  context.lineTo(x - HEAD * Math.cos(a - 0.42), y - HEAD * Math.sin(a - 0.42))
  context.lineTo(x - HEAD * Math.cos(a + 0.42), y - HEAD * Math.sin(a + 0.42))
  context.closePath()
  context.fill()
}

function openEnd(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.beginPath()
  context.arc(x, y, 3.5, 0, 2 * Math.PI)
  context.stroke()
}

function cross(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  label: string,
  isLeftward: boolean,
  ink: Ink,
): void {
  const size = 5
  context.lineWidth = 2.4
  context.beginPath()
  context.moveTo(x - size, y - size)
  context.lineTo(x + size, y + size)
  context.moveTo(x + size, y - size)
  context.lineTo(x - size, y + size)
  context.stroke()
  if (!label) return
  context.font = '600 11px Symbols, system-ui, sans-serif'
  const width = context.measureText(label).width
  const color = context.fillStyle
  const left = isLeftward ? x - size - 9 - width : x + size + 3
  context.fillStyle = ink.paper
  context.fillRect(left, y - 7, width + 6, 14)
  context.fillStyle = color
  context.fillText(label, left + 3, y + 4)
}
