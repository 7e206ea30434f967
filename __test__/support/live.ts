// A live page whose batch is what a test says it is.
import { get, type IncomingMessage, type RequestOptions } from 'node:http'
import type { ExecutionContext } from 'ava'
import { assets } from '../../report/assets.ts'
import { ReportCollector } from '../../report/collect.ts'
import type { LiveState, ReportInfo } from '../../report/info.ts'
import { LiveServer } from '../../report/live/server.ts'
import { noSummary } from './report.ts'

/** A batch that a test makes go on. */
export class FakeBatch {
  readonly collector: ReportCollector = new ReportCollector({ latest: 10 })
  summary: ReportInfo['summary'] = noSummary
  title = 'a live batch'
  state: LiveState = {
    phase: 'running',
    words: 'Running',
    fraction: 0.25,
    perSecond: 1000,
    leftMs: 3000,
  }
  /** How often it was asked what it shows. */
  reads = 0

  end(): void {
    this.state = { ...this.state, phase: 'over', words: 'The batch has ended', fraction: 1 }
  }
}

/** Serves it until the test ends. */
export async function serveLive(
  t: ExecutionContext,
  batch: FakeBatch = new FakeBatch(),
  port = 0,
): Promise<{ batch: FakeBatch; server: LiveServer; url: string }> {
  const server = await LiveServer.listen(port, await assets(), () => {
    batch.reads += 1
    const { summary, title, state, collector } = batch
    return { info: { summary, title }, collected: collector.collected(), state }
  })
  t.teardown(() => server.close())
  return { batch, server, url: server.url }
}

export interface Response {
  status: number
  headers: IncomingMessage['headers']
  text: string
}

/** One request; `fetch` would refuse to send some of these. */
export function request(url: string, options: RequestOptions = {}): Promise<Response> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, ...options }, (message) => {
      let text = ''
      message.setEncoding('utf8')
      message.on('data', (chunk: string) => (text += chunk))
      message.on('error', reject)
      message.on('end', () =>
        resolve({ status: message.statusCode!, headers: message.headers, text }),
      )
    }).on('error', reject)
  })
}
