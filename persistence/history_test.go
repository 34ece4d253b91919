package persistence_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// Attendance is read page by page, while people go on leaving: whoever turns the
// pages must see each session once, newest end first, and none twice.
func TestHistoryIsTurnedPageByPageWhileOthersLeave(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		var want []rollcall.SessionID
		for i := range 7 { // three of them end at the same moment
			want = append([]rollcall.SessionID{f.attend(t, n, ada, noon, noon.Add(time.Duration(i/3)*time.Minute))}, want...)
		}
		slices.SortFunc(want[1:4], descending)
		slices.SortFunc(want[4:7], descending)
		var got []rollcall.SessionID
		query := rollcall.HistoryQuery{Limit: 2}
		for pages := 0; pages == 0 || query.After != ""; pages++ {
			page := history(t, n, query)
			for _, s := range page.Sessions {
				got = append(got, s.ID)
			}
			query.After = page.Next
			f.attend(t, n, grace, noon, noon.Add(time.Hour))
		}
		equal(t, "sessions", got, want...)
	})
}

// Each field of a session is somebody's evidence, and times must come back to the
// microsecond, in UTC.
func TestHistoryHasAllThatIsKnownOfASession(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		end := noon.Add(time.Second)
		id := f.attend(t, n, ada, noon, end)
		page := history(t, n, rollcall.HistoryQuery{Limit: 1})
		if page.Next != "" {
			t.Errorf("the last page has the next one %q", page.Next)
		}
		equal(t, "sessions", page.Sessions, rollcall.Ended{
			ID: id, Email: ada, Node: "a", ConnectedAt: noon, EndedAt: end, LastActivity: noon,
			Reason: "closed", Address: "192.0.2.1:4711", UserAgent: "test",
		})
	})
}

// The history, the stream and the webhook tell one duration of one session: a part of a
// millisecond is cut off, by whoever counts.
func TestDurationInSQLIsThatOfTheStream(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		for _, begin := range []time.Duration{0, time.Microsecond, 400 * time.Microsecond, 999_999 * time.Microsecond} {
			for _, took := range []time.Duration{
				0, time.Microsecond, 499 * time.Microsecond, 500 * time.Microsecond, 999 * time.Microsecond,
				time.Millisecond, 1501 * time.Microsecond, time.Second - time.Microsecond, time.Second,
				24*time.Hour - time.Microsecond, 1000*24*time.Hour + 999*time.Microsecond,
			} {
				from := noon.Add(begin)
				id := f.attend(t, n, ada, from, from.Add(took))
				got := column[int64](t, f, "SELECT duration_ms FROM session_history WHERE id = '"+id.String()+"'")
				equal(t, fmt.Sprintf("the milliseconds of %s after %s", took, begin), got, took.Milliseconds())
			}
		}
	})
}

// Who was here in this hour? Whoever ended after its begin and began before its
// end, to the microsecond.
func TestHistoryIsBoundedByTime(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		one := noon.Add(time.Hour)
		f.attend(t, n, ada, noon, one)
		for what, c := range map[string]struct {
			from, to time.Time
			want     int
		}{
			"from just before its end":             {from: one.Add(-time.Microsecond), want: 1},
			"from its end":                         {from: one},
			"to its begin":                         {to: noon},
			"to just after its begin":              {to: noon.Add(time.Nanosecond), want: 1},
			"in its middle":                        {from: noon.Add(time.Minute), to: one.Add(-time.Minute), want: 1},
			"from before and to after all times":   {from: time.Unix(-1e12, 0), to: time.Unix(1e12, 0), want: 1},
			"in another zone, from before its end": {from: one.Add(-time.Second).In(time.FixedZone("", 7200)), want: 1},
		} {
			page := history(t, n, rollcall.HistoryQuery{From: c.from, To: c.to, Limit: 10})
			if len(page.Sessions) != c.want {
				t.Errorf("%s there are %d sessions, want %d", what, len(page.Sessions), c.want)
			}
		}
	})
}

// A user is asked for as a user connects: the case of the letters matters or not.
// What cannot be an e-mail is nobody's, and must not break the statement.
func TestPastOfAUserIsFoundAsTheNodeMatches(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		exact := f.join(t, "a")
		folding := f.joinAs(t, persistence.NodeConfig{Name: "b", Lease: time.Minute, Match: persistence.MatchCasefold})
		f.attend(t, exact, ada, noon, noon.Add(time.Second))
		f.attend(t, exact, ada, noon, noon.Add(time.Minute))
		f.attend(t, exact, grace, noon, noon.Add(time.Hour))
		_, _, err := f.SetUsersActive(t.Context(), []rollcall.Email{linus}, false)
		must(t, err)
		shout := rollcall.Email("ADA@example.com")
		asked := []rollcall.Email{ada, shout, linus, "nobody@example.com", "a\x00b", ""}
		for _, c := range []struct {
			node  *persistence.Node
			seen  map[rollcall.Email]time.Time
			known map[rollcall.Email]rollcall.Email
			loud  int
		}{
			{exact, map[rollcall.Email]time.Time{ada: noon.Add(time.Minute)}, map[rollcall.Email]rollcall.Email{ada: ada, linus: linus}, 0},
			{folding, map[rollcall.Email]time.Time{ada: noon.Add(time.Minute), shout: noon.Add(time.Minute)},
				map[rollcall.Email]rollcall.Email{ada: ada, shout: ada, linus: linus}, 2},
		} {
			seen, err := c.node.LastSeen(t.Context(), asked)
			must(t, err)
			known, err := c.node.Known(t.Context(), asked)
			must(t, err)
			if !maps.Equal(seen, c.seen) || !maps.Equal(known, c.known) {
				t.Errorf("node %s has last seen %v and knows %v", c.node.Name(), seen, known)
			}
			for email, want := range map[rollcall.Email]int{ada: 2, shout: c.loud, "a\x00b": 0} {
				page := history(t, c.node, rollcall.HistoryQuery{Email: email, Limit: 10})
				if len(page.Sessions) != want {
					t.Errorf("node %s has %d sessions of %q, want %d", c.node.Name(), len(page.Sessions), email, want)
				}
			}
		}
	})
}

// A cursor is a stranger's text: none of it may reach a statement.
func TestCursorThatWasNeverGivenIsRefused(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		for _, after := range []string{"x", "AAAA", "' OR 1", "//////////8AAAAAAAAAAAAAAAAAAAAA", "f_________8AAAAAAAAAAAAAAAAAAAAA"} {
			_, err := n.History(t.Context(), rollcall.HistoryQuery{After: after, Limit: 1})
			is(t, err, rollcall.ErrBadCursor)
		}
		if _, err := n.History(t.Context(), rollcall.HistoryQuery{}); err == nil {
			t.Error("a page without room was given")
		}
	})
}

// attend is one session, from its begin to its end.
func (f *fixture) attend(t *testing.T, n *persistence.Node, email rollcall.Email, begin, end time.Time) rollcall.SessionID {
	t.Helper()
	c := arrival(email, begin)
	commit(t, n, inserts(c))
	commit(t, n, deletes(departure(c, end)))
	return c.Session
}

func history(t *testing.T, n *persistence.Node, query rollcall.HistoryQuery) rollcall.HistoryPage {
	t.Helper()
	page, err := n.History(t.Context(), query)
	must(t, err)
	return page
}

func descending(a, b rollcall.SessionID) int { return slices.Compare(b[:], a[:]) }

// BenchmarkHistory reads of 100,000 sessions of 1,000 users: the newest page, one in
// the middle of a month, a page of one user, and when 1,000 users were last seen.
func BenchmarkHistory(b *testing.B) {
	for name, url := range map[string]string{"postgres": persistencetest.Postgres(b), "sqlite": persistencetest.SQLite(b)} {
		n := crowdedPast(b, url)
		var emails []rollcall.Email
		for i := range 1000 {
			emails = append(emails, rollcall.Email(fmt.Sprintf("user%d@example.com", i)))
		}
		middle := noon.Add(50_000 * time.Second)
		for what, read := range map[string]func() error{
			"newest": func() error { return page(b, n, rollcall.HistoryQuery{Limit: 100}) },
			"middle": func() error {
				return page(b, n, rollcall.HistoryQuery{From: middle, To: middle.Add(time.Hour), Limit: 100})
			},
			"user": func() error { return page(b, n, rollcall.HistoryQuery{Email: emails[7], Limit: 100}) },
			"seen": func() error {
				seen, err := n.LastSeen(b.Context(), emails)
				if err == nil && len(seen) != len(emails) {
					err = fmt.Errorf("%d were seen", len(seen))
				}
				return err
			},
		} {
			b.Run(name+"/"+what, func(b *testing.B) {
				for b.Loop() {
					if err := read(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func page(b *testing.B, n *persistence.Node, query rollcall.HistoryQuery) error {
	page, err := n.History(b.Context(), query)
	if err == nil && len(page.Sessions) != query.Limit {
		err = fmt.Errorf("the page has %d sessions", len(page.Sessions))
	}
	return err
}

// crowdedPast is a node on a database where one session after another was there
// for a minute, one beginning each second.
func crowdedPast(b *testing.B, url string) *persistence.Node {
	db, err := persistence.Open(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if _, err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	n, err := db.Join(b.Context(), persistence.NodeConfig{Name: "bench", Lease: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; i < 100_000; i += 1000 {
		var come, leave rollcall.Batch
		for k := range 1000 {
			c := arrival(rollcall.Email(fmt.Sprintf("user%d@example.com", k)), noon.Add(time.Duration(i+k)*time.Second))
			c.Admitted = true
			come.Inserts = append(come.Inserts, c)
			leave.Deletes = append(leave.Deletes, departure(c, c.ConnectedAt.Add(time.Minute)))
		}
		for _, batch := range []rollcall.Batch{come, leave} {
			if _, err := n.Commit(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	return n
}
