package transporttest

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Site is a running server and what a person knows who uses its page.
type Site struct {
	URL   string // of the server, such as http://127.0.0.1:8000
	Email string // of a user
	Token string // that reads the list
	Disk  string // the path of the page's file, for who opens that instead
}

// phoneWidth and phoneHeight are those of the smallest phone in use, in CSS
// pixels.
const (
	phoneWidth  = 320
	phoneHeight = 568
)

// open opens the page for one user, and connects nothing yet.
func (s Site) open(t *testing.T) (*Chromium, *Page) {
	t.Helper()
	c := StartChromium(t)
	if s.Disk == "" {
		return c, c.Open(t, s.URL+"/websocket_test.html", s.URL)
	}
	p := c.Open(t, (&url.URL{Scheme: "file", Path: s.Disk}).String(), s.URL)
	if server := Ask[string](p, "document.getElementById('server').value"); server != "ws://localhost:8000" {
		t.Errorf("from disk the page offers the server %q", server)
	}
	p.Type("server", strings.Replace(s.URL, "http", "ws", 1))
	return c, p
}

// connect connects by the keyboard and waits for the greeting.
func (s Site) connect(p *Page) {
	p.t.Helper()
	p.Type("email", s.Email+kb.Enter)
	p.ShowsOnly("status-title", "Connected")
}

// PageShowsGreeting connects, which is what everybody does first.
func PageShowsGreeting(t *testing.T, s Site) {
	c := StartChromium(t)
	p := c.Open(t, s.URL+"/", s.URL)
	p.Type("email", s.Email)
	p.Click("connect")
	p.ShowsOnly("status-title", "Connected")
	p.Shows("status-detail", s.Email)
	p.Shows("log", `{"type": "connection_established", "message": "Connected successfully as `+s.Email+`"}`)
	p.Click("disconnect")
	p.Shows("status-title", "Closed: 1000")
	p.Shows("status-detail", "Connect again? No need to.")
}

// PageShowsEcho uses the keyboard alone, as some people must.
func PageShowsEcho(t *testing.T, s Site) {
	_, p := s.open(t)
	s.connect(p)
	for range 20 { // more than there are stops between the e-mail and the message
		if Ask[string](p, "document.activeElement.id") == "message" {
			break
		}
		p.Press(kb.Tab)
	}
	p.Press(`Say "hello" <b>` + kb.Enter)
	p.Shows("log", `{"message":"Say \"hello\" <b>"}`)
	p.Shows("log", `{"type": "message", "message": "Server received: Say \"hello\" <b>", "from": "`+s.Email+`"}`)
}

// PageShowsInvalidJSON sends what no program would by mistake: the raw way is
// there to see that a server answers and the connection stays.
func PageShowsInvalidJSON(t *testing.T, s Site) {
	_, p := s.open(t)
	s.connect(p)
	p.Click("as-raw")
	p.Type("message", "{not JSON"+kb.Enter)
	p.Shows("log", `{"type": "error", "message": "Invalid JSON format"}`)
	p.Type("message", `{"message": "still here"}`)
	p.Click("send")
	p.Shows("log", "Server received: still here")
	p.ShowsOnly("status-title", "Connected")
}

// PageExplainsUnknownEmail shows the code of a refusal, which a browser tells
// only to a program, and its meaning.
func PageExplainsUnknownEmail(t *testing.T, s Site) {
	_, p := s.open(t)
	p.Type("email", "nobody.at.all@example.invalid"+kb.Enter)
	p.Shows("status-title", "Closed: 4001, “Email not found in database”")
	p.ShowsOnly("status-detail", "No user has this e-mail. Connect again? No: the answer would be the same.")
	p.Shows("log", "4001")
}

// PageExplainsMissingEmail lets a person connect without an e-mail, to see
// that refused by the server and not by the page.
func PageExplainsMissingEmail(t *testing.T, s Site) {
	_, p := s.open(t)
	p.Click("connect")
	p.Shows("status-title", "Closed: 4000, “No email provided”")
	p.Shows("status-detail", "No e-mail was given.")
	p.Shows("log", "4000")
}

// PageCountsTabs is the second fault of the seed: a user with a tab open is
// online. A tab that crashes says no goodbye and must still be missed.
func PageCountsTabs(t *testing.T, s Site) {
	c, first := s.open(t)
	s.connect(first)
	first.ShowsOnly("tabs", "1")

	second := c.OpenedBy(first, "another") // which knows the e-mail already
	second.Click("connect")
	second.ShowsOnly("tabs", "2")
	first.ShowsOnly("tabs", "2")
	if !Ask[bool](first, "document.hidden") { // and asks nobody, so that it counts on being told
		t.Fatal("the first tab is not hidden behind the second")
	}
	second.do("leaving the page", chromedp.Navigate("about:blank"))
	first.ShowsOnly("tabs", "1")

	third := c.Open(t, s.URL+"/", s.URL)
	s.connect(third)
	first.ShowsOnly("tabs", "2")
	third.Close()
	first.ShowsOnly("tabs", "1")

	fourth := c.Open(t, s.URL+"/", s.URL)
	s.connect(fourth)
	first.ShowsOnly("tabs", "2")
	fourth.Crash()
	first.Front()
	first.ShowsOnly("tabs", "1")
	first.ShowsOnly("status-title", "Connected")
}

// PageListsWhoIsOnline follows the list while the person at it comes and goes.
func PageListsWhoIsOnline(t *testing.T, s Site) {
	_, p := s.open(t)
	p.Shows("online-status", "Enter an API token")
	p.Type("token", s.Token+kb.Enter)
	p.Shows("online-count", " online")
	p.Hides("online", s.Email)
	s.connect(p)
	p.Shows("online", s.Email+" you")
	p.Shows("online", "since ")
	p.Click("disconnect")
	p.Hides("online", s.Email)
}

// PageExplainsInvalidToken passes on what the server says of a token.
func PageExplainsInvalidToken(t *testing.T, s Site) {
	_, p := s.open(t)
	p.Type("token", "wrong")
	p.Click("show")
	p.ShowsOnly("online-status", "Invalid token.")
	p.ShowsOnly("online-count", "")
}

// PageTakesTokenOutOfAddress opens the link that a server prints at its start.
// A token in the address bar would be in the history and in every screenshot.
func PageTakesTokenOutOfAddress(t *testing.T, s Site) {
	c := StartChromium(t)
	for _, sign := range []string{"#", "&"} {
		p := c.Open(t, s.URL+"/?email="+s.Email+sign+"token="+s.Token, s.URL) // unescaped, as people write it
		if address := Ask[string](p, "location.href"); strings.Contains(address, s.Token) {
			t.Errorf("the token is still in the address %s", address)
		}
		p.Click("connect")
		p.Shows("online", s.Email+" you")
		p.Close()
	}
}

// PageKeepsTokenFromOtherServers types another address while the token of this
// one is there. It must not go anywhere before the person says so.
func PageKeepsTokenFromOtherServers(t *testing.T, s Site) {
	c := StartChromium(t)
	p := c.Open(t, s.URL+"/#token="+s.Token, s.URL)
	p.ShowsOnly("online-status", "")
	other := strings.Replace(s.URL, "http://127.0.0.1", "ws://localhost", 1) // the page's driver fails on a request to it
	p.Type("server", other)
	p.Click("token")
	p.ShowsOnly("online-status", "Press Show to send the token to this server.")
	p.Type("server", strings.Replace(s.URL, "http", "ws", 1))
	p.Click("show")
	p.ShowsOnly("online-status", "")
	p.Shows("online-count", "online")
}

// PageWorksFromDisk opens the file, as the seed tells its readers to, and types the
// server's address.
func PageWorksFromDisk(t *testing.T, s Site) {
	_, p := s.open(t)
	s.connect(p)
	p.Type("message", "Hello Server!"+kb.Enter)
	p.Shows("log", "Server received: Hello Server!")
	p.ShowsOnly("tabs", "1")
	p.Type("token", s.Token+kb.Enter)
	p.Shows("online", s.Email+" you")
}

// PageExplainsUnreachableServer gives the most frequent failure of all, a
// server that does not run, its own words: a browser calls it 1006 as well.
func PageExplainsUnreachableServer(t *testing.T, s Site) {
	_, p := s.open(t)
	p.Type("email", s.Email)
	p.Type("server", "ftp://example.invalid"+kb.Enter)
	p.Shows("status-detail", "should look like ws://localhost:8000")
	p.Type("server", strings.Replace(s.URL, "http", "ws", 1)+"/elsewhere"+kb.Enter)
	p.ShowsOnly("status-title", "Closed: 1006")
	p.Shows("status-detail", "No connection came about.")
	p.Type("server", s.URL+"/ws/connect/?email=pasted"+kb.Enter) // whole, as from a manual
	p.ShowsOnly("status-title", "Connected")
}

// PageFitsPhone looks for anything wider than the smallest phone, with
// everything on it that the page can show.
func PageFitsPhone(t *testing.T, s Site) {
	_, p := s.open(t)
	p.do("making the window small", chromedp.EmulateViewport(phoneWidth, phoneHeight))
	p.Type("token", s.Token+kb.Enter)
	s.connect(p)
	p.Type("message", strings.Repeat("long", 100)+kb.Enter)
	p.Shows("log", "Server received: longlong")
	p.Shows("online", s.Email)
	p.do("opening the table", chromedp.Click(chromedp.CSS("summary")))
	p.Shows("closes", "4007")
	if width := Ask[int](p, "document.documentElement.scrollWidth"); width > phoneWidth {
		t.Errorf("the page is %d pixels wide on a phone of %d", width, phoneWidth)
	}
	const sideways = `[...document.querySelectorAll("main *:not(input, textarea)")]
		.filter(e => getComputedStyle(e).overflowX !== "visible" && e.scrollWidth > e.clientWidth)
		.map(e => e.tagName + "." + e.className).join()`
	if parts := Ask[string](p, sideways); parts != "" {
		t.Errorf("parts of the page have to be scrolled sideways: %s", parts)
	}
}

// PageNamesItsFields is for those who hear the page: a field without a label
// is announced as nothing.
func PageNamesItsFields(t *testing.T, s Site) {
	_, p := s.open(t)
	const fields = "[...document.querySelectorAll('input, textarea')]"
	if n := Ask[int](p, fields+".length"); n < 6 {
		t.Fatalf("the page has only %d fields", n)
	}
	if nameless := Ask[string](p, fields+".filter(f => f.labels.length === 0).map(f => f.id).join()"); nameless != "" {
		t.Errorf("fields without a label: %s", nameless)
	}
}
