// Makes OpenTelemetry spans and metrics of what wasiexec publishes, and prints them. In a project of your own:
// npm install wasiexec @opentelemetry/api@1.9 @opentelemetry/sdk-trace-base@2 @opentelemetry/sdk-metrics@2 @opentelemetry/context-async-hooks@2
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, subscribe } from 'node:diagnostics_channel'
import { context, metrics, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { describeOutcome, load, run } from 'wasiexec'
import { guest } from '../guests/unpack.mjs'

/** Subscribes to all that wasiexec does. Call it once, after the providers were registered. */
function instrument() {
  const tracer = trace.getTracer('wasiexec')
  const meter = metrics.getMeter('wasiexec')
  const seconds = meter.createHistogram('wasiexec.duration', { unit: 's' })
  const cpu = meter.createCounter('wasiexec.cpu.time', { unit: 's' })
  const active = meter.createUpDownCounter('wasiexec.active')
  /** The span of what goes on: a program that is loaded for a run, and an instance that is made for a call, are inside. */
  const current = new AsyncLocalStorage()
  const spans = new WeakMap()

  for (const operation of ['load', 'snapshot', 'instantiate', 'run', 'call']) {
    channel(`wasiexec:${operation}:start`).bindStore(current, (message) => {
      const outer = current.getStore()
      const parent = outer ? trace.setSpan(context.active(), outer) : context.active()
      const { program, method, job } = message
      const name = [operation, program, message.function].filter(Boolean).join(' ')
      const attributes = {
        'wasiexec.program': program,
        'wasiexec.method': method,
        'wasiexec.job': job?.index,
      }
      const span = tracer.startSpan(name, { attributes }, parent)
      spans.set(message, span)
      active.add(1, { operation, program })
      return span
    })

    subscribe(`wasiexec:${operation}:end`, (message) => {
      const { program, outcome, error } = message
      const span = spans.get(message)
      const ending = outcome?.kind ?? (error === undefined ? 'done' : 'error')
      span.setAttribute('wasiexec.ending', ending)
      if (error !== undefined) fail(span, error)
      if (outcome !== undefined) describe(span, outcome)
      span.end()
      active.add(-1, { operation, program })
      if (outcome === undefined) return
      const { usage } = outcome
      // Not the exit code: a program that nobody trusts would make as many series as it likes.
      seconds.record(usage.wallMs / 1000, { operation, program, ending, ok: outcome.ok })
      cpu.add(usage.cpuMs / 1000, { operation, program })
    })
  }
}

/** What is known of a run or call that has ended. */
function describe(span, outcome) {
  const { usage } = outcome
  span.setAttributes({
    'wasiexec.wall_ms': usage.wallMs,
    'wasiexec.cpu_ms': usage.cpuMs,
    'wasiexec.memory_peak_bytes': usage.memoryPeakBytes,
    'wasiexec.exit_code': outcome.code,
    'wasiexec.trap_code': outcome.trap?.code,
    'wasiexec.limit': outcome.limit,
  })
  if (outcome.kind === 'host-error') fail(span, outcome.error)
  else if (!outcome.ok) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: describeOutcome(outcome) })
  }
}

function fail(span, error) {
  span.recordException(error)
  span.setAttribute('error.type', error.code ?? error.name)
  span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
}

// The SDK as any service sets it up, with exporters that keep everything here; yours send it to a collector.
const spanExporter = new InMemorySpanExporter()
const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter: metricExporter })
const meterProvider = new MeterProvider({ readers: [reader] })
metrics.setGlobalMeterProvider(meterProvider)
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
trace.setGlobalTracerProvider(
  new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter)] }),
)
instrument()

/** A request to a service, in a span of its own. */
function request(name, handle) {
  return trace.getTracer('service').startActiveSpan(name, async (span) => {
    await handle()
    span.end()
  })
}

const rust = await guest('rust')
const adder = `(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`

await request('GET /one', async () => {
  await run(rust, { args: ['cat'], stdin: 'one line' })
})
await request('POST /many', async () => {
  const program = await load(rust)
  const jobs = [['cat'], ['exit', '3'], ['panic'], ['spin']].map((args) => ({ args }))
  const batch = program.batch(jobs, { concurrency: 1, defaults: { limits: { cpuMs: 100 } } })
  await batch.summary
  await program.run({ limits: { cpuMs: -1 } }).catch(() => {})
})
await request('GET /sum', async () => {
  const program = await load(Buffer.from(adder), { name: 'adder' })
  const pool = program.pool({ instances: 1 })
  await pool.call('add', 1, 2)
  await pool.call('add', 3, 4)
  await pool[Symbol.asyncDispose]()
})

// What a collector would get.
const time = ([seconds, nanoseconds]) => seconds * 1e9 + nanoseconds
const spans = spanExporter
  .getFinishedSpans()
  .toSorted((a, b) => time(a.startTime) - time(b.startTime))
function show(parentId, indent) {
  for (const span of spans) {
    if (span.parentSpanContext?.spanId !== parentId) continue
    const { 'wasiexec.ending': ending, 'wasiexec.method': method } = span.attributes
    const what = [method && `(${method})`, ending && `: ${ending}`].filter(Boolean).join('')
    console.log(
      `${indent}${span.name} ${what}${span.status.message ? `, ${span.status.message}` : ''}`.trimEnd(),
    )
    show(span.spanContext().spanId, `${indent}  `)
  }
}
show(undefined, '')

await reader.forceFlush()
const [{ scopeMetrics }] = metricExporter.getMetrics()
for (const { descriptor, dataPoints } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
  for (const { attributes, value } of dataPoints) {
    const labels = Object.values(attributes).join(', ')
    console.log(`${descriptor.name} (${labels}): ${value.count ?? value}`)
  }
}
await meterProvider.shutdown()
