package transport

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall/rollcall"
)

// onlineUser is one user of a page.
type onlineUser struct {
	Email        rollcall.Email `json:"email"`
	ConnectedAt  rollcall.Stamp `json:"connected_at"`
	LastActivity rollcall.Stamp `json:"last_activity"`
}

// onlinePage is one page of who is online.
type onlinePage struct {
	Users []onlineUser `json:"users"`
	Next  *string      `json:"next"` // null on the last page
}

// onlineCount is the number alone.
type onlineCount struct {
	Count int `json:"count"`
}

// listOnline answers a page, or the number. Each page is of its own instant: who
// is online all the while is on one of them, and nobody is on two.
func (s *Server) listOnline(c *call) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	var after rollcall.Email
	if cursor, _ := c.parameter("after"); cursor != "" {
		var ok bool
		if after, ok = readCursor(cursor); !ok {
			return nil, badValue("after", "is no cursor of a page")
		}
	}
	counting, err := c.flag("count")
	if err != nil {
		return nil, err
	}
	begins := s.prefix(c)
	ctx, cancel := context.WithTimeout(c.Context(), presenceTimeout)
	defer cancel()
	snapshot, err := s.config.Presence.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking who is online: %w", err)
	}
	if counting {
		return onlineCount{count(snapshot, begins)}, nil
	}
	return newPage(snapshot, after, begins, limit), nil
}

// prefix is a test of e-mails, which compares them as those of clients are; it is
// nil if all are asked for.
func (s *Server) prefix(c *call) func(rollcall.Email) bool {
	prefix, _ := c.parameter("prefix")
	switch {
	case prefix == "":
		return nil
	case s.config.FoldCase:
		folded := string(rollcall.Email(prefix).Fold())
		return func(e rollcall.Email) bool { return strings.HasPrefix(string(e.Fold()), folded) }
	}
	return func(e rollcall.Email) bool { return strings.HasPrefix(string(e), prefix) }
}

// count is how many users with such an e-mail are online.
func count(snapshot rollcall.Snapshot, begins func(rollcall.Email) bool) int {
	if begins == nil {
		return snapshot.Count
	}
	n := 0
	for e := range snapshot.Entries {
		if begins(e.Email) {
			n++
		}
	}
	return n
}

// newPage finds the first users behind a place, in one pass over a snapshot that
// has another order. It never holds more than two pages of them.
func newPage(snapshot rollcall.Snapshot, after rollcall.Email, begins func(rollcall.Email) bool, limit int) onlinePage {
	var first []rollcall.Entry
	shorten := func() {
		slices.SortFunc(first, func(a, b rollcall.Entry) int { return cmp.Compare(a.Email, b.Email) })
		first = first[:min(len(first), limit+1)] // one more tells that there is another page
	}
	for e := range snapshot.Entries {
		if e.Email <= after || begins != nil && !begins(e.Email) {
			continue
		}
		if first = append(first, e); len(first) == 2*(limit+1) {
			shorten()
		}
	}
	shorten()
	page := onlinePage{Users: []onlineUser{}}
	for i, e := range first {
		if i == limit {
			next := newCursor(first[i-1].Email)
			page.Next = &next
			break
		}
		page.Users = append(page.Users, onlineUser{e.Email, rollcall.Stamp(e.ConnectedAt), rollcall.Stamp(e.LastActivity)})
	}
	return page
}
