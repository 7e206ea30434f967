// Shows results as they come. `textContent` shows what a program printed as text, whatever it is.
const verdict = document.querySelector('#verdict')
const results = document.querySelector('#results')
const { id, known } = verdict.dataset

const kindOf = (text) => (text === 'accepted' || text === 'judging' ? text : 'rejected')

/** Everything from the first result on, of which the page has some. */
function follow() {
  const events = new EventSource(`/api/submissions/${id}/events`)
  let seen = 0
  events.addEventListener('result', ({ data }) => {
    seen += 1
    if (seen > Number(known)) add(JSON.parse(data))
  })
  events.addEventListener('end', ({ data }) => {
    events.close()
    end(JSON.parse(data))
  })
}

function add(result) {
  const item = document.querySelector('#result').content.cloneNode(true)
  for (const field of item.querySelectorAll('[data-field]')) {
    field.textContent = result[field.dataset.field]
  }
  const badge = item.querySelector('.badge')
  badge.className = `badge ${kindOf(result.verdict)}`
  results.append(item)
  document.querySelector('#known').textContent = results.children.length
  document.querySelector('progress').value = results.children.length
}

function end({ verdict: text, error }) {
  const badge = verdict.querySelector('.badge')
  badge.textContent = text
  badge.className = `badge ${kindOf(text)}`
  const box = document.querySelector('#error')
  box.hidden = error === undefined
  box.textContent = error ?? ''
}

if (verdict.querySelector('.judging') !== null) follow()
