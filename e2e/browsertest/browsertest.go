// Package browsertest opens a real browser in tests. It judges what nothing else can: what a page loads and complains of, what a
// person reads on it, and for which site an authenticator signs.
package browsertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// programs are the names that Chromium goes by.
var programs = []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"}

// patience is how long a step may take: what it waits for comes in a second, or never.
const patience = 15 * time.Second

// Tab is the one tab of a browser of the test's own.
type Tab struct {
	t   testing.TB
	ctx context.Context //nolint:containedctx // it is the tab

	mu         sync.Mutex
	requests   []string
	complaints []string
}

// Open starts a browser with an empty profile, which asks for pages in a language ("de", as in Accept-Language). Both end with the
// test.
//
// Without a browser there is nobody to judge: on the machine that decides (CI is set) that is a failure, elsewhere the test says that
// it was left out.
func Open(t testing.TB, language string) *Tab {
	t.Helper()
	program, err := find()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("NOT CHECKED:", err)
	}
	ctx, end := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("accept-lang", language))...)
	t.Cleanup(end)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	tab := &Tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, tab.hear); err != nil {
		t.Fatal("start the browser: ", err)
	}
	return tab
}

func find() (string, error) {
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("a browser is wanted: apt-get install chromium-headless-shell")
}

// hear keeps what the page asks for and complains of.
func (tab *Tab) hear(event any) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		tab.requests = append(tab.requests, e.Request.URL)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			tab.complaints = append(tab.complaints, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		said := e.ExceptionDetails.Text
		if thrown := e.ExceptionDetails.Exception; thrown != nil {
			said += " " + thrown.Description
		}
		tab.complaints = append(tab.complaints, said)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			for _, argument := range e.Args {
				tab.complaints = append(tab.complaints, string(argument.Value)+argument.Description)
			}
		}
	}
}

// Requests are the URLs of everything that the tab has asked for, in order.
func (tab *Tab) Requests() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.Clone(tab.requests)
}

// Complaints are the errors and warnings of the console, among them what a page's policy forbids.
func (tab *Tab) Complaints() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.Clone(tab.complaints)
}

// Do goes steps one after the other.
func (tab *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	for i, step := range steps {
		if _, err := try(tab, step); err != nil {
			tab.t.Fatalf("step %d: %v\nconsole: %q", i+1, err, tab.Complaints())
		}
	}
}

// Type types into the field that a CSS selector finds, over what stands there.
func (tab *Tab) Type(field, text string) {
	tab.t.Helper()
	tab.Do(
		chromedp.WaitVisible(chromedp.CSS(field)),
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).select()", field)),
		chromedp.SendKeys(chromedp.CSS(field), text),
	)
}

// Get goes a step that has a result.
func Get[T any](tab *Tab, step chromedp.Action[T]) T {
	tab.t.Helper()
	got, err := try(tab, step)
	if err != nil {
		tab.t.Fatalf("%v\nconsole: %q", err, tab.Complaints())
	}
	return got
}

// Await waits until a JavaScript expression holds in the page.
func (tab *Tab) Await(expression string) {
	tab.t.Helper()
	limit := time.After(patience)
	for {
		holds, err := Try[bool](tab, expression) // fails while the page is being exchanged for the next
		if holds {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-limit:
			says, _ := Try[string](tab, "document.body.innerText.slice(0, 1000)")
			tab.t.Fatalf("not within %s: %s (%v)\nthe page says: %s\nconsole: %q", patience, expression, err, says, tab.Complaints())
		}
	}
}

// Try returns what a JavaScript expression comes to in the page, a promise's value included, or why it was rejected.
func Try[T any](tab *Tab, expression string) (T, error) {
	tab.t.Helper()
	return try(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Call sends a command of the DevTools protocol.
func Call[P, R any](tab *Tab, command cdp.Command[P, R], params P) R {
	tab.t.Helper()
	return Get(tab, func(ctx context.Context, target *chromedp.Target) (R, error) {
		return cdp.Call(ctx, target, command, params)
	})
}

func try[T any](tab *Tab, step chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, step)
}
