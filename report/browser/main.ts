import type { PageData } from '../page/data.ts'
import { Chart } from './chart.ts'
import { Filter } from './filter.ts'
import { histogram } from './histogram.ts'
import { JobLists } from './job-lists.ts'
import { LivePage } from './live.ts'
import { theme } from './theme.ts'
import { throughput } from './throughput.ts'

const data = JSON.parse(document.getElementById('data')!.textContent!) as PageData
const filter = new Filter(data)
const charts = [new Chart(histogram), new Chart(throughput)]
const lists = new JobLists()

function show(): void {
  const passing = filter.passing()
  for (const chart of charts) chart.show(passing, filter.isOff)
  lists.show(new Set(passing.map(({ key }) => key)))
}

function take(data: PageData): void {
  for (const chart of charts) chart.update(data)
  show()
}

filter.onChange = show
theme(() => charts.forEach((chart) => chart.redraw()))
take(data)
if (data.phase === 'running') {
  new LivePage((data) => {
    filter.update(data)
    take(data)
  }).start()
}
