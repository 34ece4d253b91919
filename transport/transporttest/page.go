package transporttest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	// patience is how long a page may take to show what it should. Then the
	// test fails with what it shows instead.
	patience = 15 * time.Second
	// glance is the time between two looks at a page.
	glance = 20 * time.Millisecond
)

// Page is one tab that shows the test page. What it does wrong unseen, an
// exception, a breach of its content security policy or a request to a
// stranger, fails the test at its end.
type Page struct {
	t       *testing.T
	ctx     context.Context
	close   context.CancelFunc
	home    string        // where every request must go
	crashed chan struct{} // gets its value when the tab's process is gone

	mu     sync.Mutex
	faults []string
}

// Open opens an address in a new tab, whose server is the one that the home
// address names.
func (c *Chromium) Open(t *testing.T, address, home string) *Page {
	t.Helper()
	p := c.attach(t, home, chromedp.WithNewWindow(false))
	if err := chromedp.Do(p.ctx, chromedp.Navigate(address)); err != nil {
		t.Fatalf("opening %s: %v", address, err)
	}
	return p
}

func (c *Chromium) attach(t *testing.T, home string, options ...chromedp.ContextOption) *Page {
	t.Helper()
	p := &Page{t: t, home: strings.TrimSuffix(home, "/") + "/", crashed: make(chan struct{}, 1)}
	p.ctx, p.close = chromedp.NewContext(c.ctx, options...)
	t.Cleanup(func() {
		p.close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, fault := range p.faults {
			t.Error(fault)
		}
	})
	if err := chromedp.Listen(p.ctx, p.watch); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	return p
}

// OpenedBy clicks a link that opens a new tab, and returns that.
func (c *Chromium) OpenedBy(p *Page, link string) *Page {
	p.t.Helper()
	opened := chromedp.WaitNewTarget(p.ctx, func(i *target.Info) bool { return i.URL != "" })
	p.Click(link)
	select {
	case id := <-opened:
		return c.attach(p.t, p.home, chromedp.WithTargetID(id))
	case <-time.After(patience):
		p.t.Fatalf("the link %s has opened no tab", link)
		return nil
	}
}

// watch notes what a person would not see.
func (p *Page) watch(event any) {
	var fault string
	switch e := event.(type) {
	case *inspector.EventTargetCrashed:
		p.crashed <- struct{}{}
	case *runtime.EventExceptionThrown:
		fault = fmt.Sprintf("the page has thrown: %v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceSecurity {
			fault = "the page breaches its policy: " + e.Entry.Text
		}
	case *network.EventRequestWillBeSent:
		if url := e.Request.URL; !strings.HasPrefix(url, p.home) && !strings.HasPrefix(url, "file:") {
			fault = "the page asks a stranger: " + url
		}
	}
	if fault != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.faults = append(p.faults, fault)
	}
}

// Close closes the tab, as a person would.
func (p *Page) Close() { p.close() }

// Crash ends the tab's process, so that it says goodbye to nobody.
func (p *Page) Crash() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	go func() {
		_, _ = chromedp.Call(ctx, page.Crash, cdp.Empty{}) // no answer: who should give it is gone
	}()
	select {
	case <-p.crashed:
	case <-time.After(patience):
		p.t.Fatal("the tab has not crashed")
	}
}

// Front makes the tab the one that is seen and typed into.
func (p *Page) Front() {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, page.BringToFront, cdp.Empty{}); err != nil {
		p.t.Fatalf("bringing a tab to the front: %v", err)
	}
}

// Type replaces the content of a field by the keyboard.
func (p *Page) Type(id, text string) {
	p.t.Helper()
	p.Front()
	p.do("typing into "+id,
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.getElementById(%q).select()", id)),
		chromedp.SendKeys(chromedp.ID(id), kb.Backspace+text))
}

// Press presses keys on whatever has the focus.
func (p *Page) Press(keys string) {
	p.t.Helper()
	p.Front()
	p.do("pressing a key", chromedp.KeyEvent(keys))
}

// Click clicks an element.
func (p *Page) Click(id string) {
	p.t.Helper()
	p.Front()
	p.do("clicking "+id, chromedp.Click(chromedp.ID(id)))
}

func (p *Page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

// Ask evaluates an expression in the page.
func Ask[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("evaluating %s: %v", expression, err)
	}
	return v
}

// Text is what an element shows; nothing if it is hidden.
func (p *Page) Text(id string) string {
	p.t.Helper()
	return Ask[string](p, fmt.Sprintf("document.getElementById(%q).innerText", id))
}

// Shows waits until an element shows the text, perhaps among other text.
func (p *Page) Shows(id, text string) {
	p.t.Helper()
	p.until(id, fmt.Sprintf("show %q", text), func(shown string) bool { return strings.Contains(shown, text) })
}

// ShowsOnly waits until an element shows the text and nothing else.
func (p *Page) ShowsOnly(id, text string) {
	p.t.Helper()
	p.until(id, fmt.Sprintf("show only %q", text), func(shown string) bool { return strings.TrimSpace(shown) == text })
}

// Hides waits until an element shows the text no longer.
func (p *Page) Hides(id, text string) {
	p.t.Helper()
	p.until(id, fmt.Sprintf("no longer show %q", text), func(shown string) bool { return !strings.Contains(shown, text) })
}

func (p *Page) until(id, should string, ok func(shown string) bool) {
	p.t.Helper()
	deadline := time.After(patience)
	for look := time.NewTicker(glance); ; {
		shown := p.Text(id)
		if ok(shown) {
			look.Stop()
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			p.t.Fatalf("%s should %s; it shows:\n%s", id, should, shown)
		}
	}
}
