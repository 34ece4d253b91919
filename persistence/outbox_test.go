package persistence_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

// announced is what the tests look at of a notice, oldest first.
type announced struct {
	Kind        rollcall.EventKind
	Email       rollcall.Email
	At          time.Time
	ConnectedAt time.Time
	Reason      string
}

// Whoever hears of joins and leaves must be able to rebuild the list: there is one
// join when the first session comes and one leave when the last one goes, whichever
// nodes they are on, with the times and the reason of the table.
func TestOutboxHasTheFirstAndTheLastSessionOfAUser(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		a, b := f.announcing(t, "a"), f.announcing(t, "b")
		first, second, third := arrival(ada, noon), arrival(ada, noon), arrival(ada, noon.Add(time.Second))
		commit(t, a, inserts(first, second))
		commit(t, b, inserts(third))
		commit(t, a, deletes(departure(first, noon.Add(time.Minute)), departure(second, noon.Add(2*time.Minute))))
		f.wantNotices(t, announced{rollcall.EventJoin, ada, noon, noon, ""})
		end := departure(third, noon.Add(time.Hour))
		end.Reason = "kicked"
		commit(t, b, deletes(end))
		f.wantNotices(t,
			announced{rollcall.EventJoin, ada, noon, noon, ""},
			announced{rollcall.EventLeave, ada, noon.Add(time.Hour), noon, "kicked"})
	})
}

// The reason is that of the session that ended last, also when the whole user goes
// in one batch, and when the client spells the user otherwise.
func TestLeaveHasTheReasonOfTheLastSession(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.joinAs(t, persistence.NodeConfig{Name: "a", Lease: time.Minute, Match: persistence.MatchCasefold, Announce: true})
		first, last := arrival("ADA@example.com", noon), arrival("Ada@example.com", noon)
		commit(t, n, inserts(first, last))
		slow, lost := departure(first, noon.Add(time.Second)), departure(last, noon.Add(time.Minute))
		slow.Reason, lost.Reason = "slow", "lost"
		commit(t, n, deletes(lost, slow))
		f.wantNotices(t,
			announced{rollcall.EventJoin, ada, noon, noon, ""},
			announced{rollcall.EventLeave, ada, noon.Add(time.Minute), noon, "lost"})
	})
}

// The answer to a commit may be lost, and the batch comes again. What has happened
// once must not be told twice.
func TestBatchGivenTwiceIsAnnouncedOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.announcing(t, "a")
		old := arrival(grace, noon)
		commit(t, n, inserts(old))
		end := noon.Add(time.Second)
		batch := rollcall.Batch{Inserts: []rollcall.Change{arrival(ada, noon)}, Deletes: []rollcall.Change{departure(old, end)}}
		commit(t, n, batch)
		commit(t, n, batch)
		f.wantNotices(t,
			announced{rollcall.EventJoin, grace, noon, noon, ""},
			announced{rollcall.EventLeave, grace, end, noon, "closed"},
			announced{rollcall.EventJoin, ada, noon, noon, ""})
	})
}

// A user who goes with one tab and has another never left, and a connect that finds no
// user or only adds a tab is none's.
func TestNothingIsAnnouncedWhereNobodyCameOrWent(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.announcing(t, "a")
		old, stays := arrival(ada, noon), arrival(ada, noon)
		commit(t, n, inserts(old, stays))
		commit(t, n, deletes(departure(old, noon)))
		commit(t, n, touches(touch(stays, noon.Add(time.Minute))))
		commit(t, n, inserts(arrival("stranger@example.com", noon), arrival(ada, noon)))
		commit(t, n, deletes(departure(arrival(ada, noon), noon), departure(arrival(grace, noon), noon)))
		f.wantNotices(t, announced{rollcall.EventJoin, ada, noon, noon, ""})
	})
}

// A node that says nothing costs nothing, and what it did not announce nobody else
// announces the end of.
func TestNodeThatDoesNotAnnounceWritesNoNotice(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		silent, loud := f.join(t, "silent"), f.announcing(t, "loud")
		one, other := arrival(ada, noon), arrival(grace, noon)
		commit(t, silent, inserts(one, other))
		commit(t, silent, deletes(departure(one, noon)))
		f.expireLease(t, "silent")
		_, err := loud.Sweep(t.Context())
		must(t, err)
		equal(t, "connections", f.connections(t))
		f.wantNotices(t)
	})
}

// However the sessions of a node end that does not end them itself, its users leave:
// swept by another node or by hand, taken over by a successor, or as orphans.
func TestEndOfANodeIsAnnounced(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		other := f.join(t, "other") // which announces nothing of its own
		for what, end := range map[string]func(){
			"swept by another node": func() {
				f.expireLease(t, "a")
				_, err := other.Sweep(t.Context())
				must(t, err)
			},
			"swept by hand": func() {
				f.expireLease(t, "a")
				_, err := f.Sweep(t.Context())
				must(t, err)
			},
			"taken over": func() { f.announcing(t, "a") },
			"an orphan, swept by hand": func() {
				f.exec(t, "DELETE FROM sessions")
				_, err := f.Sweep(t.Context())
				must(t, err)
			},
		} {
			f.exec(t, "DELETE FROM outbox")
			n := f.announcing(t, "a")
			commit(t, n, inserts(arrival(ada, noon)))
			before := time.Now().Add(-time.Second)
			end()
			notices := f.notices(t)
			if len(notices) != 2 || notices[1].Kind != rollcall.EventLeave || notices[1].Reason != rollcall.CauseNodeLost ||
				notices[1].ConnectedAt != noon || notices[1].At.Before(before) {
				t.Errorf("%s: the notices are %.300v", what, notices)
			}
		}
		f.exec(t, "DELETE FROM outbox")
		n := f.announcing(t, "a")
		commit(t, n, inserts(arrival(ada, noon)))
		must(t, n.Leave(t.Context()))
		if notices := f.notices(t); len(notices) != 2 || notices[1].Reason != "shutdown" {
			t.Errorf("the node left, and the notices are %.300v", notices)
		}
	})
}

// A node that was only paused writes its rows again. Its users have been announced
// as gone, so that they join anew: now, and online since before.
func TestUserWhoWasSweptAndIsWrittenAgainJoinsAnew(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n, other := f.announcing(t, "a"), f.announcing(t, "b")
		c := arrival(ada, noon)
		commit(t, n, inserts(c))
		f.expireLease(t, "a")
		_, err := other.Sweep(t.Context())
		must(t, err)
		c.Admitted = true
		before := time.Now().Add(-time.Second)
		commit(t, n, inserts(c))
		notices := f.notices(t)
		if len(notices) != 3 || notices[2].Kind != rollcall.EventJoin || notices[2].ConnectedAt != noon || notices[2].At.Before(before) {
			t.Errorf("the notices are %.400v", notices)
		}
	})
}

// Nodes that race for the same users must between them announce a chain for each:
// join, leave, join and so on, in the order of the ids, up to what the table says.
// A join that one of them does not see, or sees twice, breaks it.
func TestNodesThatRaceAnnounceAChainForEachUser(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		users := []rollcall.Email{ada, grace, linus}
		var wait sync.WaitGroup
		for i := range 3 {
			n := f.announcing(t, fmt.Sprint("node", i))
			wait.Go(func() {
				for range 40 {
					var come, again, leave rollcall.Batch
					for _, u := range users {
						c, back := arrival(u, noon), arrival(u, noon)
						come.Inserts = append(come.Inserts, c)
						again.Deletes = append(again.Deletes, departure(c, noon))
						again.Inserts = append(again.Inserts, back)
						leave.Deletes = append(leave.Deletes, departure(back, noon))
					}
					for _, batch := range []rollcall.Batch{come, again, leave} {
						for { // PostgreSQL may end one of those that wait for each other
							_, err := n.Commit(t.Context(), batch)
							if err == nil {
								break
							}
							if !persistence.Away(err) {
								t.Errorf("commit: %v", err)
								return
							}
						}
					}
				}
			})
		}
		wait.Wait()
		last := make(map[rollcall.Email]rollcall.EventKind)
		for i, n := range f.notices(t) {
			if (n.Kind == rollcall.EventJoin) == (last[n.Email] == rollcall.EventJoin) {
				t.Fatalf("notice %d is a second %s of %s", i, n.Kind, n.Email)
			}
			last[n.Email] = n.Kind
		}
		for _, u := range users {
			if last[u] != rollcall.EventLeave {
				t.Errorf("%s is gone, and was announced with %q last", u, last[u])
			}
		}
	})
}

// Where no server posts any more, nobody takes from the outbox; it must not grow for
// ever.
func TestSweepForgetsWhatNobodyPosts(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.announcing(t, "a")
		commit(t, n, inserts(arrival(ada, noon), arrival(grace, noon)))
		f.age(t, 49*time.Hour, ada)
		f.age(t, 47*time.Hour, grace)
		_, err := n.Sweep(t.Context())
		must(t, err)
		f.wantNotices(t, announced{rollcall.EventJoin, grace, noon, noon, ""})
	})
}

func (f *fixture) announcing(t *testing.T, name string) *persistence.Node {
	t.Helper()
	return f.joinAs(t, persistence.NodeConfig{Name: name, Lease: time.Minute, Announce: true})
}

// A user whose spelling an operator corrects goes on under the new one: who folds
// case must hear of the join last, and nobody is listed twice, not even for a moment.
func TestCorrectedSpellingLeavesBeforeItJoins(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.joinAs(t, persistence.NodeConfig{Name: "a", Lease: time.Minute, Match: persistence.MatchCasefold, Announce: true})
		again := arrival(ada, noon)
		commit(t, n, inserts(again))
		again.Email, again.Admitted = "ADA@example.com", true // as the registry writes it
		commit(t, n, inserts(again))
		if rows := f.connections(t); len(rows) != 1 || rows[0].Email != "ADA@example.com" {
			t.Errorf("the rows are %v", rows)
		}
		var got []string
		for _, notice := range f.notices(t) {
			got = append(got, fmt.Sprintf("%s %s %s", notice.Kind, notice.Email, notice.Reason))
		}
		want := []string{"join " + string(ada) + " ", "leave " + string(ada) + " replaced", "join ADA@example.com "}
		if !slices.Equal(got, want) {
			t.Errorf("the notices are %q, want %q", got, want)
		}
	})
}

func (f *fixture) notices(t *testing.T) []announced {
	t.Helper()
	return collect(t, f, "SELECT kind, email, at, connected_at, reason FROM outbox ORDER BY id",
		func(a *announced) []any { return []any{&a.Kind, &a.Email, &a.At, &a.ConnectedAt, &a.Reason} },
		func(a *announced) { a.At, a.ConnectedAt = a.At.UTC(), a.ConnectedAt.UTC() })
}

func (f *fixture) wantNotices(t *testing.T, want ...announced) {
	t.Helper()
	if got := f.notices(t); !slices.Equal(got, want) {
		t.Errorf("the notices are\n     %.600v\nwant %.600v", got, want)
	}
}

// age makes the notices of a user look older.
func (f *fixture) age(t *testing.T, by time.Duration, email rollcall.Email) {
	t.Helper()
	past := fmt.Sprintf("now() - interval '%d seconds'", int(by.Seconds()))
	if _, dialect, _ := persistence.NewConnector(f.url); dialect == persistence.SQLite {
		past = fmt.Sprintf("strftime('%%Y-%%m-%%d %%H:%%M:%%f+00:00', 'now', '-%d seconds')", int(by.Seconds()))
	}
	f.exec(t, "UPDATE outbox SET written_at = "+past+" WHERE email = '"+string(email)+"'")
}
