import { Option } from 'commander'
import { runBatch } from './batch/run-batch.ts'
import type { BatchFlags } from './batch/flags.ts'
import { COMPARISONS } from './batch/verdict.ts'
import { addFilesOptions } from './guest-files.ts'
import { addNetworkOptions } from './network.ts'
import { addStoreOptions } from './stores.ts'
import { count, duration, filePath, port } from './parse.ts'
import { addLoadOptions, addRunOptions } from './run-options.ts'
import { examples, type Verb } from './verb.ts'

export const verb: Verb = {
  describe(command, io) {
    command
      .usage('[options] <prog.wasm> <jobs> [args...]')
      .description(
        'Runs a program once per job of a file and writes one line of JSON per job, in the order of the jobs.',
      )
      .argument('<prog.wasm>', 'a module or component, binary or WAT text')
      .argument(
        '[jobs]',
        'jobs, one JSON object per line (args, env, stdin, limits, id); - is stdin',
      )
      .argument(
        '[args...]',
        "the program's arguments, for jobs that have none; options come after --",
      )
      .optionsGroup('Input:')
      .option('--each-line', 'each line of the input is the stdin of one run')
      .option(
        '--lines <number>',
        'with --each-line: so many lines are the stdin of one run (default: 1)',
        count,
      )
      .addOption(
        new Option(
          '--each-file <folder>',
          'judge: each *.in is the stdin of one run, and *.out is what it must print',
        ).conflicts('eachLine'),
      )
      .addOption(
        new Option(
          '--compare <how>',
          'what must be equal: all but blanks at line ends, words, bytes',
        )
          .choices(COMPARISONS)
          .default('lines'),
      )
      .option('--strict', 'end at the first line that is not a job')
      .optionsGroup('Output:')
      .option('-o, --output <file>', 'where results go; - is stdout', filePath, '-')
      .option('--resume', 'continue an output file: run the jobs that have no result in it')
      .addOption(new Option('--force', 'replace the output file').conflicts('resume'))
      .option('--unordered', 'write results as runs end, not in the order of their jobs')
      .option('--report <file>', 'also write the results as an HTML page', filePath)
      .option('--live', 'serve the growing report as a page, at the address that is printed')
      .addOption(
        new Option('--live-port <number>', 'where to listen for it; 0 is any free port')
          .argParser(port)
          .implies({ live: true }),
      )
      .addOption(
        new Option('--live-stay', 'serve it after the end of the batch too, until Ctrl-C').implies({
          live: true,
        }),
      )
      .addOption(
        new Option(
          '--summary <how>',
          'the totals at the end; json goes to stdout unless results do',
        )
          .choices(['text', 'json'])
          .default('text'),
      )
      .option('-q, --quiet', 'no progress and no summary')
      .optionsGroup('Running:')
      .option('--concurrency <number>', 'runs at a time, for programs that wait', count)
      .option('--threads <number>', 'threads or processes (default: the number of cores)', count)
      .addOption(
        new Option('--workers <kind>', 'what spreads runs over cores').choices([
          'threads',
          'processes',
        ]),
      )
      .option('--retry', 'with processes: run the jobs of one that died once more')
      .option('--deadline <duration>', 'end the batch after this time', duration)
      .option('--stop-on-failure', 'end the batch at the first result that is a failure')
    addFilesOptions(
      command,
      'where these files are written, a folder per job; without it they are in the results',
    )
    addRunOptions(command, io, ['files'])
    addNetworkOptions(command)
    addStoreOptions(command)
    addLoadOptions(command, ['optimizing', 'tiered', 'baseline'])
    command.addHelpText(
      'after',
      `${examples(
        ['wasiexec batch prog.wasm jobs.ndjson -o results.ndjson', ''],
        ['wasiexec batch prog.wasm jobs.ndjson -o results.ndjson --resume', 'after a kill'],
        ['wasiexec batch prog.wasm jobs.ndjson -o results.ndjson --live', 'with a page'],
        ['seq 1000 | wasiexec batch prog.wasm - --each-line', ''],
        ['wasiexec batch prog.wasm table.csv --each-line --lines 1000', 'quicker for large inputs'],
        [
          'wasiexec batch prog.wasm jobs.ndjson --file data=./data --collect out.txt',
          'files in memory',
        ],
        ['wasiexec batch prog.wasm --each-file tests --cpu 1s --memory 256MiB', 'a judge'],
      )}

Exit status: 0 every job has an outcome (with --each-file: all are accepted); 1 otherwise; 124 --deadline;
130 Ctrl-C; 143 SIGTERM; 141 nobody reads the results; 125 an error of wasiexec.`,
    )
  },

  execute: (io, args, flags) => runBatch(io, args, flags as BatchFlags),
}
