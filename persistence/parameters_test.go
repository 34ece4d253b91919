package persistence_test

import (
	"testing"
	"time"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// A commit is fast because PostgreSQL parses and plans its statements once for a
// connection. One that is not kept is planned each time; one whose text differed would
// be kept each time, until the memory is full.
func TestStatementsOfACommitAreKept(t *testing.T) {
	f := newFixture(t, persistencetest.Postgres(t))
	n := f.join(t, "a")
	kept := 0
	for turn := range 3 {
		c := arrival(ada, noon)
		commit(t, n, inserts(c))
		commit(t, n, touches(touch(c, noon.Add(time.Second))))
		commit(t, n, deletes(departure(c, noon.Add(time.Second))))
		before := kept
		var err error
		kept, err = f.Prepared(t.Context())
		if must(t, err); kept < 8 || turn > 0 && kept != before {
			t.Errorf("%d statements are kept after turn %d, and %d before it", kept, turn, before)
		}
	}
}
