/** CAs, and what they sign, in files of a folder. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import type { TlsFiles } from '../src/tls.ts'

const SIGNING = { keyType: 'ec', algorithm: 'sha256' } as const

export class Authority {
  /** Where its certificate is, and what stands there. */
  readonly file: string
  readonly text: string
  private readonly folder: string
  private readonly key: string

  static async create(folder: string, name: string): Promise<Authority> {
    const pair = await generate([{ name: 'commonName', value: name }], {
      ...SIGNING,
      extensions: [{ name: 'basicConstraints', cA: true, critical: true }],
    })
    return new Authority(folder, name, pair.cert, pair.private)
  }

  private constructor(folder: string, name: string, text: string, key: string) {
    this.folder = folder
    this.file = join(folder, `${name}.pem`)
    this.text = text
    this.key = key
    writeFileSync(this.file, text)
  }

  /** Certifies somebody on this machine, in files that are called so. */
  async certify(
    name: string,
    file = name,
    until = new Date(Date.now() + 86_400_000),
    algorithm: 'sha256' | 'sha1' = 'sha256',
  ): Promise<Required<Omit<TlsFiles, 'tokenFile'>>> {
    const altNames = [
      { type: 2, value: name },
      { type: 7, ip: '127.0.0.1' },
    ] as const
    const pair = await generate([{ name: 'commonName', value: name }], {
      ...SIGNING,
      algorithm,
      ca: { key: this.key, cert: this.text },
      extensions: [{ name: 'subjectAltName', altNames: [...altNames] }],
      notBeforeDate: new Date(until.getTime() - 172_800_000),
      notAfterDate: until,
    })
    const files = {
      tlsCert: join(this.folder, `${file}.pem`),
      tlsKey: join(this.folder, `${file}.key`),
    }
    writeFileSync(files.tlsCert, pair.cert)
    writeFileSync(files.tlsKey, pair.private)
    return { ...files, tlsCa: this.file }
  }
}
