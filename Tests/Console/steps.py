"""What a person does with the page, and what they see."""
import json

SAID = "#log > .said:not([hidden])"


def messages(page):
    """(who, words) of each message, in order."""
    return [tuple(pair) for pair in page.js("""[...document.querySelectorAll('#log > .said')].map(
      e => [e.querySelector('p span').textContent.replace(/[：:].*/, ''), e.querySelector('p span + span').textContent])""")]


def words(page):
    return [said for _, said in messages(page)]


def wait_said(page, text, count=1):
    page.wait(f"[...document.querySelectorAll('#log > li p span + span')].filter("
              f"e => e.textContent === {json.dumps(text)}).length === {count}", f"{count} × “{text}” in the log")


def wait_state(page, name):
    page.wait(f"document.querySelector('#state').dataset.state === {json.dumps(name)}", f"state {name}")


def wait_saved(page):
    """Nothing is on its way."""
    page.wait("document.querySelectorAll('.said').length && !document.querySelector('.said.pending, .said.waiting')", "all is saved")


def wait_idle(page):
    """Connected, chips are there, nobody is thinking: the greeting or the reply is complete."""
    page.wait("document.querySelector('#state').dataset.state === 'open' && !document.querySelector('#log .note:not(.bad)')"
              " && document.querySelectorAll('#log .said.agent').length && document.querySelector('#log').ariaBusy !== 'true'"
              " && document.querySelector('#chips button')", "the interviewer has spoken")


def write(page, text):
    page.focus("#say")
    page.type(text)
    page.press("Enter")


def settings(page):
    page.click("#panel-button")
    page.wait("document.activeElement.id === 'panel-close'")


def raw_frames(page):
    """The lines of the raw frames view; the panel must be open."""
    if not page.js("document.querySelector('#frames').open"):
        page.click("#frames summary")
        page.wait("document.querySelector('#frame-list li')", "the frames are drawn")
    return page.texts("#frame-list li")
