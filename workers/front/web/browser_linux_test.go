package web_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/integration/debian"
	"github.com/lvs-director/director/workers/front/web"
)

// browser is Debian's Chromium, unpacked and not installed; nothing is started yet. What the page
// complains of while it is open is an error of the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	cache, err := debian.OpenCache(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	program, err := cache.Chromium(t.Context())
	if errors.Is(err, debian.ErrNotDebian) {
		t.Skip("there is no Chromium: ", err)
	} else if err != nil {
		t.Skip("Debian's Chromium cannot be had: ", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program.Path), chromedp.NoSandbox,
		chromedp.Env(append(program.Env(), "HOME="+t.TempDir())...), chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1280, 900), chromedp.WSURLReadTimeout(time.Minute))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithErrorf(func(string, ...any) {})) // events that it does not know
	t.Cleanup(cancel)
	var mu sync.Mutex
	var complaints []string
	chromedp.ListenTarget(ctx, func(e any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := e.(type) {
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			complaints = append(complaints, fmt.Sprintf("console.%s %v", e.Type, e.Args))
		case *log.EventEntryAdded:
			// A wrong token, which a test tries, and a director that is away or busy for a moment.
			if !strings.Contains(e.Entry.Text, "401") && !strings.Contains(e.Entry.Text, "503") &&
				!strings.Contains(e.Entry.Text, "net::ERR_") {
				complaints = append(complaints, e.Entry.Text+" "+e.Entry.URL)
			}
		}
	})
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		if len(complaints) > 0 {
			t.Errorf("the browser complains: %s", strings.Join(complaints, "\n"))
		}
	})
	ctx, enough := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(enough)
	return ctx
}

func do(ctx context.Context, t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// until waits for the page to say that an expression is true.
func until(ctx context.Context, t *testing.T, expression string) {
	t.Helper()
	var is bool
	for end := time.Now().Add(20 * time.Second); ; {
		do(ctx, t, chromedp.Evaluate("!!("+expression+")", &is))
		if is {
			return
		}
		if time.Now().After(end) {
			var text string
			do(ctx, t, chromedp.Evaluate("document.body.innerText", &text))
			t.Fatalf("waited in vain for %s in\n%s", expression, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// picture keeps a screenshot where DIRECTOR_SCREENSHOTS says, for people to look at.
func picture(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("DIRECTOR_SCREENSHOTS")
	if dir == "" {
		return
	}
	var image []byte
	do(ctx, t, chromedp.FullScreenshot(&image, 100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), image, 0o644); err != nil {
		t.Fatal(err)
	}
}

func screen(width, height int64, scheme string) chromedp.Action {
	return chromedp.Tasks{
		chromedp.EmulateViewport(width, height),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
	}
}

// TestInABrowser: the page shows what is, follows what changes, fits a phone, is used by the keyboard, and
// what servers and configurations have put into their names is text.
func TestInABrowser(t *testing.T) {
	d := newDirector(t)
	ctx := browser(t)
	do(ctx, t, log.Enable(), page.Enable(), screen(1280, 900, "light"), chromedp.Navigate(d.url))
	until(ctx, t, `document.body.dataset.level === "down"`)
	until(ctx, t, `document.querySelectorAll("#instances tbody tr").length === 3`)
	for _, want := range []string{
		"2 of 3", "this host", "10.77.0.2", "no quorum", "[192.0.2.10]:tcp:80", "has no quorum", `<img src=x onerror="alert(1)">`,
	} {
		until(ctx, t, fmt.Sprintf(`document.body.innerText.includes(%q)`, want))
	}
	until(ctx, t, `document.querySelectorAll("img, script:not([src])").length === 0`)
	do(ctx, t, chromedp.Click(`#services li button`))
	until(ctx, t, `document.querySelector(".servers tbody")?.innerText.includes("connection refused")`)
	do(ctx, t, chromedp.Click(`#services li[data-key="[192.0.2.20]:tcp:443"] button`))
	for _, want := range []string{"54.3 k connections, 1.4 M packets in, 110 MB in", "103 MB in, 3.6 GB out",
		"49.2 k connections\n"} {
		until(ctx, t, fmt.Sprintf(`document.querySelector("#services").innerText.includes(%q)`, want))
	}
	picture(ctx, t, "desktop-light")

	// The history of a server is asked for when somebody opens it, and goes when he closes it.
	do(ctx, t, chromedp.Click(`.servers [data-handle=history]`))
	until(ctx, t, `document.querySelector(".history")?.innerText.includes("timeout <b>")`)
	until(ctx, t, `document.querySelector(".servers").innerText.includes("the last 2 of 4,711 runs")`)
	picture(ctx, t, "history")
	if asked := d.asked(); len(asked) == 0 ||
		asked[0] != `history {"virtual_server":"[192.0.2.10]:tcp:80","real_server":"[10.0.0.12]:tcp:80"}` {
		t.Errorf("asked for %q", asked)
	}
	do(ctx, t, chromedp.Click(`.servers [data-handle=history]`))
	until(ctx, t, `!document.querySelector(".history")`)

	// What changes is there without a click, and the focus stays.
	do(ctx, t, chromedp.Focus(`#services li button`))
	d.change(func(s *status) {
		s.Problems = nil
		s.VirtualServers[1].Quorum = true
		for n := range s.VirtualServers[1].RealServers {
			s.VirtualServers[1].RealServers[n] = server(s.VirtualServers[1].RealServers[n].Name, true, 7)
		}
		s.Instances[2].State = 2
		s.Events = append(s.Events, record("e-new", "virtual server [192.0.2.10]:tcp:80", "gained its quorum"))
	})
	until(ctx, t, `document.querySelector("#events li").innerText.includes("gained its quorum")`)
	until(ctx, t, `document.querySelector("#attention").hidden && document.body.dataset.level === "degraded"`)
	until(ctx, t, `document.activeElement.closest("li")?.dataset.key === "[192.0.2.10]:tcp:80"`)

	do(ctx, t, screen(1280, 900, "dark"))
	picture(ctx, t, "desktop-dark")
	for _, scheme := range []string{"light", "dark"} {
		do(ctx, t, screen(360, 740, scheme))
		until(ctx, t, `document.documentElement.scrollWidth <= 360`)
		until(ctx, t, contrast)
		picture(ctx, t, "phone-"+scheme)
	}
	do(ctx, t, screen(1280, 900, "light"))

	// The keyboard reaches all that can be used.
	do(ctx, t, chromedp.Evaluate(`document.activeElement.blur(); window.reached = new Set()`, nil))
	for range 40 {
		do(ctx, t, chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(`reached.add(document.activeElement); true`, nil))
	}
	until(ctx, t, `[...document.querySelectorAll("button, input, a, select")].every(
		(e) => reached.has(e) || e.disabled || e.offsetParent === null || e.closest("dialog"))`)

	// The director is started anew, and has no room for this page at first.
	at := strings.TrimSuffix(strings.TrimPrefix(d.url, "http://"), "/")
	d.end()
	until(ctx, t, `document.querySelector("#lost").innerText.includes("is interrupted")`)
	d.change(func(s *status) {
		d.busy = 1
		s.Events = append(s.Events, record("e-anew", "director", "started anew"))
	})
	d.serve(at)
	until(ctx, t, `document.querySelector("#events li").innerText.includes("started anew")`)
	until(ctx, t, `document.querySelector("#lost").hidden`)
}

// contrast is whether all text has the contrast that WCAG asks for at level AA.
const contrast = `(() => {
	const rgb = (c) => (c.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
	const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		.reduce((s, v, n) => s + v * [.2126, .7152, .0722][n], 0);
	const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; } };
	window.faint = [];
	for (const e of document.querySelectorAll("body *")) {
		if (e.offsetParent === null || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
		const a = light(rgb(getComputedStyle(e).color)), b = light(behind(e) ?? [255, 255, 255]);
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5) faint.push(e.className + " " + e.textContent + " " + ratio);
	}
	return faint.length === 0;
})()`

// TestActionsInABrowser: nothing can be done without the token, and each thing is asked twice.
func TestActionsInABrowser(t *testing.T) {
	d := newDirector(t)
	ctx := browser(t)
	do(ctx, t, log.Enable(), screen(1280, 900, "light"), chromedp.Navigate(d.url))
	until(ctx, t, `document.querySelectorAll("#services li").length > 0`)
	do(ctx, t, chromedp.Click(`#services li button`))
	until(ctx, t, `document.querySelector(".servers tbody tr")`)
	until(ctx, t, `document.querySelectorAll(".acts button").length === 0`)
	do(ctx, t, chromedp.Click(`#unlock`), chromedp.SendKeys(`#token`, "wrong"+kb.Enter))
	until(ctx, t, `document.querySelector("#token-wrong").innerText.includes("not right")`)
	do(ctx, t, chromedp.Evaluate(`document.querySelector("#token").value = ""`, nil), chromedp.SendKeys(`#token`, token+kb.Enter))
	until(ctx, t, `document.querySelectorAll(".servers .acts button").length > 1`)
	do(ctx, t, chromedp.Click(`.servers .acts button`))
	do(ctx, t, chromedp.SendKeys(`#reason`, "a disk"), chromedp.Click(`#action-go`))
	until(ctx, t, `document.querySelector("#action-trial").innerText.includes("2 active connections")`)
	picture(ctx, t, "confirm")
	if asked := d.asked(); len(asked) != 1 || !strings.Contains(asked[0], `"dry_run":true`) {
		t.Errorf("before it is confirmed: %q", asked)
	}
	do(ctx, t, chromedp.Click(`#action-go`))
	until(ctx, t, `document.querySelector("#said").innerText.includes("It is drained")`)
	want := `override {"action":"drain","name":"[10.0.0.12]:tcp:80","virtual_server":"[192.0.2.10]:tcp:80","reason":"a disk"}`
	if asked := d.asked(); len(asked) != 2 || asked[1] != want {
		t.Errorf("asked for %q, want %s", asked, want)
	}
	// A weight that somebody has set is reset where it is shown.
	until(ctx, t, `![...document.querySelectorAll(".acts button")].some((b) => b.dataset.handle === "reset")`)
	d.change(func(s *status) {
		s.Overrides = append(s.Overrides, web.Override{Kind: event.SetWeight, VirtualServer: "[192.0.2.10]:tcp:80",
			RealServer: "[10.0.0.12]:tcp:80", Weight: 7})
	})
	until(ctx, t, `document.querySelector(".servers [data-handle=reset]")`)
	picture(ctx, t, "unlocked")
	do(ctx, t, chromedp.Click(`.servers [data-handle=reset]`), chromedp.Click(`#action-go`))
	until(ctx, t, `document.querySelector("#action-trial").innerText.includes("weight again")`)
	do(ctx, t, chromedp.Click(`#action-go`))
	until(ctx, t, `document.querySelector("#said").innerText.includes("that of the configuration again")`)
	want = `override {"action":"reset","name":"[10.0.0.12]:tcp:80","virtual_server":"[192.0.2.10]:tcp:80"}`
	if asked := d.asked(); len(asked) != 3 || asked[2] != want {
		t.Errorf("asked for %q, want %s", asked, want)
	}
	var kept string
	do(ctx, t, chromedp.Evaluate(`JSON.stringify([localStorage.length, sessionStorage.length, document.cookie, location.href])`, &kept))
	if strings.Contains(kept, token) || !strings.HasPrefix(kept, `[0,0,"",`) {
		t.Errorf("the browser keeps %s", kept)
	}
	do(ctx, t, chromedp.Click(`#unlock`))
	until(ctx, t, `document.querySelectorAll(".acts button").length === 0`)
}

// TestManyServers: 40,000 real servers are a page that answers.
func TestManyServers(t *testing.T) {
	d := newDirector(t)
	d.change(func(s *status) { *s = large(200, 200) })
	ctx := browser(t)
	do(ctx, t, log.Enable(), chromedp.Navigate(d.url))
	until(ctx, t, `document.querySelectorAll("#services > li").length === 50`)
	until(ctx, t, `document.body.innerText.includes("39,999 of 40,000")`)
	until(ctx, t, `document.querySelector("#services > li").innerText.includes("199 of 200")`)
	do(ctx, t, chromedp.Click(`#services li button`))
	until(ctx, t, `document.querySelectorAll(".servers tbody tr").length === 100`)
	do(ctx, t, chromedp.SendKeys(`#q`, "10.7.0.9:"))
	until(ctx, t, `document.querySelectorAll("#services > li").length === 1`)
	var nodes int
	do(ctx, t, chromedp.Evaluate(`document.querySelectorAll("*").length`, &nodes))
	if nodes > 5000 {
		t.Errorf("the page has %d elements", nodes)
	}
}
