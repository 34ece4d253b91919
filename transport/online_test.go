package transport

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall/rollcall"
)

// Pages are read while users come and go. Whoever is there all the while must be on
// exactly one page, and nobody on two: a number in place of a cursor would skip one
// for each that left, and repeat one for each that came.
func TestPagesSurviveJoinsAndLeaves(t *testing.T) {
	p := startAPI(t)
	stay := make(map[string]bool)
	var leaving []*client
	come := func(name string) *client {
		email := name + "@example.com"
		p.presence.users = append(p.presence.users, rollcall.Email(email))
		c := dial(t, p.testServer, "/ws/connect/?email="+email)
		c.read()
		return c
	}
	for i := range 12 {
		stay[fmt.Sprintf("m%02d@example.com", i)] = true
		come(fmt.Sprintf("m%02d", 11-i)) // they are online in another order than that of the pages
	}
	for _, name := range []string{"a", "m05-", "z"} {
		leaving = append(leaving, come(name))
	}
	seen := make(map[string]int)
	next, pages := "", 0
	for {
		var page onlinePageRead
		p.get("GET", "/presence?limit=3"+next, "", &page)
		if len(page.Users) > 3 {
			t.Fatalf("a page of three has %d users", len(page.Users))
		}
		for _, u := range page.Users {
			seen[u.Email]++
		}
		if pages++; pages <= len(leaving) {
			goes := leaving[pages-1]
			before := p.presence.online()
			_ = goes.Close()
			within(t, "one to leave", func() bool { return p.presence.online() < before })
			come(fmt.Sprintf("b%d", pages))
			come(fmt.Sprintf("y%d", pages))
		}
		if page.Next == nil {
			break
		}
		next = "&after=" + *page.Next
	}
	for email := range stay {
		if seen[email] != 1 {
			t.Errorf("%s was there all the while, and is on %d pages", email, seen[email])
		}
	}
	for email, times := range seen {
		if times > 1 {
			t.Errorf("%s is on %d pages", email, times)
		}
	}
}

// A page of a snapshot in any order is its smallest users, and says whether there
// are more; the last one must not promise another.
func TestPageIsTheSmallestBehindThePlace(t *testing.T) {
	var entries []rollcall.Entry
	for i := range 100 {
		entries = append(entries, rollcall.Entry{Email: rollcall.Email(fmt.Sprintf("%02d", i*37%100))})
	}
	snapshot := rollcall.Snapshot{Count: 100, Entries: slices.Values(entries)}
	for _, c := range []struct {
		after       rollcall.Email
		prefix      string
		limit       int
		first, last string
		more        bool
	}{
		{"", "", 1, "00", "00", true},
		{"", "", 100, "00", "99", false},
		{"", "", 99, "00", "98", true},
		{"41", "", 3, "42", "44", true},
		{"41x", "4", 100, "42", "49", false},
		{"89", "9", 10, "90", "99", false},
		{"99", "", 10, "", "", false},
	} {
		begins := func(e rollcall.Email) bool { return strings.HasPrefix(string(e), c.prefix) }
		page := newPage(snapshot, c.after, begins, c.limit)
		first, last := "", ""
		if n := len(page.Users); n > 0 {
			first, last = string(page.Users[0].Email), string(page.Users[n-1].Email)
		}
		if first != c.first || last != c.last || (page.Next != nil) != c.more {
			t.Errorf("behind %q with %q, %d of them: from %q to %q, more: %t", c.after, c.prefix, c.limit, first, last, page.Next != nil)
		}
	}
}

// The number alone is what a poller wants, and costs no list.
func TestCountIsTheNumberAlone(t *testing.T) {
	p := startAPI(t)
	dial(t, p.testServer, "/ws/connect/?email=user@example.com").read()
	dial(t, p.testServer, "/ws/connect/?email=alice@example.com").read()
	for path, want := range map[string]string{
		"/presence?count": `{"count":2}`, "/presence?count=1&prefix=al": `{"count":1}`, "/presence?prefix=b&count": `{"count":0}`,
		"/presence?count=true": `{"count":2}`, "/presence?count=false&prefix=b": `{"users":[],"next":null}`, "/presence?count=0&prefix=b": `{"users":[],"next":null}`,
	} {
		if _, body := p.exchange("GET", path, "", nil); body != want {
			t.Errorf("%s is answered %s", path, body)
		}
	}
}

// Where the case of letters does not matter for who may connect, it must not for who
// is looked for: a prefix that finds nobody would say that nobody is here.
func TestPrefixIsComparedAsEmailsAre(t *testing.T) {
	for folds, want := range map[bool]string{false: `{"count":0}`, true: `{"count":1}`} {
		p := startAPI(t, func(c *Config) { c.FoldCase = folds })
		dial(t, p.testServer, "/ws/connect/?email=user@example.com").read()
		if _, body := p.exchange("GET", "/presence?count&prefix=USER@", "", nil); body != want {
			t.Errorf("counted are %s, want %s, folding: %t", body, want, folds)
		}
		var page onlinePageRead
		if p.get("GET", "/presence?prefix=User", "", &page); (len(page.Users) == 1) != folds {
			t.Errorf("the page has %v, folding: %t", page.Users, folds)
		}
	}
}

// A value that is none is told by the name of its parameter.
func TestBadValuesNameTheirParameter(t *testing.T) {
	p := startAPI(t)
	for path, detail := range map[string]string{
		"/presence?limit=0":            "limit: ",
		"/presence?limit=1001":         "limit: ",
		"/presence?count=no":           "count: ",
		"/presence/stream?emails=":     "emails: ",
		"/presence?after=dXNlcg==":     "after: ",
		"/presence?after=%2B":          "after: ",
		"/presence/stream?emails=a,,b": "emails: ",
		"/presence/stream?emails=" + strings.Repeat("a,", maxListed) + "a": "emails: ",
		"/history?limit=x":        "limit: ",
		"/history?from=yesterday": "from: ",
		"/history?to=2025-10-21":  "to: ",
		"/history?email=":         "email: ",
		"/history?email=%20a":     "email: ",
		"/history?after=foreign":  "after: ",
		"/history?from=2025-10-22T00:00:00Z&to=2025-10-21T00:00:00Z": "to: ",
	} {
		p.wantProblem("GET", path, "", http.StatusBadRequest, detail)
	}
	for path, detail := range map[string]string{
		"/presence/user@example.com?reason=" + strings.Repeat("x", maxReason+1): "reason: ",
		"/presence/user@example.com?reason=%ff":                                 "reason: ",
		"/sessions/00000000-0000-7000-8000-000000000000?reason=%00":             "reason: ",
	} {
		p.wantProblem("DELETE", path, "", http.StatusBadRequest, detail)
	}
}

type onlinePageRead struct {
	Users []struct{ Email string }
	Next  *string
}
