import type { PageData } from '../page/data.ts'
import { Filter } from './filter.ts'
import { histogram } from './histogram.ts'
import { jobLists } from './job-lists.ts'
import type { StackChart } from './stack-chart.ts'
import { theme } from './theme.ts'
import { throughput } from './throughput.ts'

const data = JSON.parse(document.getElementById('data')!.textContent!) as PageData
const filter = new Filter(data)
const charts = [histogram(data), throughput(data)].filter((chart) => chart !== undefined)
const lists = jobLists()

function show(): void {
  const passing = filter.passing()
  for (const chart of charts) chart.show(passing, filter.isOff)
  for (const list of lists) list.show(new Set(passing.map((group) => data.groups.indexOf(group))))
}

filter.onChange = show
theme(() => charts.forEach((chart: StackChart) => chart.redraw()))
show()
