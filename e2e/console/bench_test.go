package console

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
)

// queueLength is how many wait in the queue that is measured.
const queueLength = 100_000

// scrolling is code that scrolls an element as far and as often as a person who
// looks for something, now in steps, now far, and gives the time of each frame and
// the most rows that were in the document.
const scrolling = `(async (box, rows) => {
	const frame = () => new Promise((done) => requestAnimationFrame(done));
	const times = [];
	let most = 0, last = await frame();
	for (let n = 0; n < 240; n++) {
		box.scrollTop = n % 40 === 39 ? (n * 7919 % 97) / 97 * box.scrollHeight : box.scrollTop + 400;
		const at = await frame();
		times.push(at - last);
		last = at;
		most = Math.max(most, document.querySelectorAll(rows).length);
	}
	return { Times: times, Rows: most };
})`

// plain is the least that such a list can be: 56 lines of text that are put where
// one looks, without anything behind them.
const plain = `(() => {
	document.body.replaceChildren();
	const box = document.createElement("div"), all = document.createElement("div"), h = 64;
	box.style.cssText = "height: 700px; overflow: auto; position: relative";
	all.style.cssText = "position: relative; height: ` + "6400000" + `px";
	box.append(all);
	const rows = Array.from({ length: 24 }, () => {
		const row = document.createElement("div");
		row.className = "plain-row";
		row.style.cssText = "position: absolute; height: 64px; left: 0; right: 0";
		all.append(row);
		return row;
	});
	const draw = () => rows.forEach((row, n) => {
		const at = Math.floor(box.scrollTop / h) - 6 + n;
		row.style.transform = "translateY(" + at * h + "px)";
		row.textContent = at + " systemctl restart unit, number " + at + " of a long morning, user" + at;
	});
	box.addEventListener("scroll", draw);
	document.body.append(box);
	draw();
	return 0;
})()`

// painted notes when the first row of the queue is there, in milliseconds since
// the page was asked for.
const painted = `addEventListener("DOMContentLoaded", () => new MutationObserver((_, o) => {
	if (!document.querySelector(".row:not(.hole) .c-request")) return;
	o.disconnect();
	requestAnimationFrame(() => setTimeout(() => { window.paintedAfter = performance.now(); }));
}).observe(document, { childList: true, subtree: true }));`

type drawn struct {
	Times []float64
	Rows  int
}

func (f drawn) p95() float64 {
	slices.Sort(f.Times)
	return f.Times[len(f.Times)*95/100]
}

// BenchmarkQueue measures the queue with 100,000 requests in it, in a browser that
// draws by software: first paint, frames while scrolling beside those of the least
// that such a list can be, rows in the document, and how long a new request takes
// from its commit to the screen.
func BenchmarkQueue(b *testing.B) {
	browser.Need(b)
	d := desk.Open(b, time.Now(), func(c *controller.Config) {
		c.Log = slog.New(slog.NewTextHandler(b.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	bo := account(d, "bo", "approver")
	web := d.Endpoint("web-0134")
	throng(b, d, web.Ask("dina.osei", "/usr/bin/apt", "update"), queueLength)
	tab := people.Open(b)
	tab.URL = d.URL
	tab.Expect("401", "403")
	tab.EveryPage(painted)
	tab.SignIn(bo.Login, desk.Password)
	var paints, news []float64
	var ours, floor drawn
	for b.Loop() {
		for range 5 {
			tab.Go("#/")
			tab.Until(`window.paintedAfter > 0`)
			var ms float64
			tab.Eval(`window.paintedAfter`, &ms)
			paints = append(paints, ms)
		}
		for round := range 2 {
			var f drawn
			tab.Eval(scrolling+`(document.querySelector(".lines"), ".row")`, &f)
			ours.Times, ours.Rows = append(ours.Times, f.Times...), max(ours.Rows, f.Rows)
			tab.Eval(`document.querySelector(".lines").scrollTop = 0`, nil)
			floor.Times = append(floor.Times, plainFrames(b)...)
			_ = round
		}
		for n := range 10 {
			news = append(news, untilSeen(tab, web, fmt.Sprintf("--new=%d", len(news)+n)))
		}
	}
	slices.Sort(paints)
	slices.Sort(news)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(paints[len(paints)/2], "paint-ms")
	b.ReportMetric(paints[len(paints)-1], "paint-max-ms")
	b.ReportMetric(ours.p95(), "frame-p95-ms")
	b.ReportMetric(floor.p95(), "floor-frame-p95-ms")
	b.ReportMetric(float64(ours.Rows), "rows")
	b.ReportMetric(news[len(news)/2], "news-ms")
	b.ReportMetric(news[len(news)-1], "news-max-ms")
}

// plainFrames are the frames of the least list, in a browser of its own.
func plainFrames(b *testing.B) []float64 {
	tab := people.Open(b)
	var f drawn
	tab.Eval(plain, nil)
	tab.Eval(scrolling+`(document.querySelector("div"), ".plain-row")`, &f)
	return f.Times
}

// untilSeen is how many milliseconds after its commit a request is counted on the
// screen. The page says when, by the same clock.
func untilSeen(tab *browser.Tab, e *desk.Endpoint, arg string) float64 {
	tab.T.Helper()
	tab.Eval(`window.seenAt = new Promise((done) => {
		const n = document.querySelector(".side .n"), was = n.textContent;
		new MutationObserver((_, o) => { if (n.textContent !== was) { o.disconnect(); requestAnimationFrame(() => done(Date.now())); } }).observe(n, { childList: true, characterData: true, subtree: true });
	}), 0`, nil)
	e.Ask("eve.novak", "/usr/bin/id", arg)
	committed := time.Now()
	var at float64
	tab.Eval(`window.seenAt`, &at)
	return max(0, at-float64(committed.UnixMilli()))
}
