package persistence_test

import (
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

// Bun writes values into the text of a statement. Nothing that a client can send
// may become part of it, or come back changed.
func TestHostileTextGoesThroughUnharmed(t *testing.T) {
	hostile := []string{
		`'; DROP TABLE sessions; --`, `"quoted"`, `it''s`, `back\slash\'`, `E'\x41'`, `?`, `?0 ?email ??`, `$1 $2`,
		`$$dollar$$`, `:name ::uuid`, `/* comment`, `-- comment`, `😀 Zoë ﷽`, `%s %d %`, "line\nbreak\ttab", `{"a": [1]}`,
	}
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, `node '?' \ $1`)
		var users []rollcall.Email
		var batch rollcall.Batch
		for _, text := range hostile {
			e := rollcall.Email(text + "@example.com")
			users = append(users, e)
			c := arrival(e, noon)
			c.Address, c.UserAgent = text, text
			batch.Inserts = append(batch.Inserts, c)
		}
		_, err := f.AddUsers(t.Context(), users)
		must(t, err)
		result := commit(t, n, batch)
		for i, c := range batch.Inserts {
			if result.Users[c.Email].Email != c.Email {
				t.Errorf("%q was not admitted", c.Email)
			}
			got := column[string](t, f, "SELECT email || '|' || address || '|' || user_agent FROM sessions WHERE id = '"+
				c.Session.String()+"'")
			equal(t, "session", got, hostile[i]+"@example.com|"+hostile[i]+"|"+hostile[i])
			left := departure(c, noon)
			left.Reason = hostile[i]
			batch.Touches = append(batch.Touches, touch(c, noon.Add(time.Second)))
			batch.Deletes = append(batch.Deletes, left)
		}
		commit(t, n, touches(batch.Touches...))
		commit(t, n, deletes(batch.Deletes...))
		equal(t, "connections", f.connections(t))
		for _, e := range f.history(t) {
			if string(e.Email) != e.Reason+"@example.com" || e.Node != n.Name() {
				t.Errorf("history has changed its text: %+v", e)
			}
		}
		if got := len(f.history(t)); got != len(hostile) {
			t.Errorf("%d rows of history, want %d", got, len(hostile))
		}
		f.holds(t)
	})
}

// A client chooses its user agent. What PostgreSQL refuses in a text, or has no
// room for, must not fail the batch of everybody else.
func TestUserAgentIsCleanedAndCutToItsColumn(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		c := arrival(ada, noon)
		c.UserAgent = "nul\x00 bad\xff "
		for range 600 {
			c.UserAgent += "é"
		}
		commit(t, n, inserts(c))
		got := column[string](t, f, "SELECT user_agent FROM sessions")
		want := []rune("nul\uFFFD bad\uFFFD ")
		for len(want) < 512 {
			want = append(want, 'é')
		}
		equal(t, "user agent", got, string(want))
	})
}
