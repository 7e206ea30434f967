// Uploads a program and goes to its page.
const problem = document.querySelector('#problem')

async function submit(name, program) {
  problem.textContent = ''
  const response = await fetch(`/api/submissions?${new URLSearchParams({ name })}`, {
    method: 'POST',
    headers: { 'content-type': 'application/wasm' },
    body: program,
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.message ?? answer.error)
  location.assign(response.headers.get('location'))
}

function reported(attempt) {
  attempt.catch((error) => (problem.textContent = `Not submitted: ${error.message}`))
}

document.querySelector('#upload').addEventListener('submit', (event) => {
  event.preventDefault()
  const [file] = document.querySelector('#file').files
  reported(submit(file.name.slice(0, 100), file))
})

for (const button of document.querySelectorAll('.sample')) {
  button.addEventListener('click', () => reported(submitSample(button.value)))
}

async function submitSample(name) {
  const response = await fetch(`/samples/${encodeURIComponent(name)}`)
  await submit(name, await response.blob())
}
