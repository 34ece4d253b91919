package persistence_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// BenchmarkCommit admits and removes 1,000 users, in a commit each, on both
// databases. PostgreSQL is a test's own, without fsync.
func BenchmarkCommit(b *testing.B) { benchmarkCommit(b, false) }

// BenchmarkAnnouncedCommit is what it takes with a join and a leave of each user in
// the outbox.
func BenchmarkAnnouncedCommit(b *testing.B) { benchmarkCommit(b, true) }

func benchmarkCommit(b *testing.B, announce bool) {
	for name, url := range map[string]string{"postgres": persistencetest.Postgres(b), "sqlite": persistencetest.SQLite(b)} {
		b.Run(name, func(b *testing.B) {
			db, err := persistence.Open(b.Context(), url)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			if _, err := db.Migrate(b.Context()); err != nil {
				b.Fatal(err)
			}
			const users = 1000
			var emails []rollcall.Email
			for n := range users {
				emails = append(emails, rollcall.Email(fmt.Sprintf("user%d@example.com", n)))
			}
			if _, err := db.AddUsers(b.Context(), emails); err != nil {
				b.Fatal(err)
			}
			node, err := db.Join(b.Context(), persistence.NodeConfig{Name: "bench", Lease: time.Minute, Announce: announce})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				var come, leave rollcall.Batch
				now := time.Now().UTC().Truncate(time.Microsecond)
				for _, e := range emails {
					id := uuid.New()
					come.Inserts = append(come.Inserts, rollcall.Change{Session: id, Email: e, ConnectedAt: now, Since: now, LastActivity: now, UserActivity: now})
					leave.Deletes = append(leave.Deletes, rollcall.Change{Session: id, Email: e, EndedAt: now, Reason: "closed"})
				}
				for _, batch := range []rollcall.Batch{come, leave} {
					if _, err := node.Commit(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/users, "µs/user")
		})
	}
}

// BenchmarkTouch moves the activity of 1,000 of 10,000 users in a commit, on both
// databases.
func BenchmarkTouch(b *testing.B) {
	for name, url := range map[string]string{"postgres": persistencetest.Postgres(b), "sqlite": persistencetest.SQLite(b)} {
		b.Run(name, func(b *testing.B) {
			db, err := persistence.Open(b.Context(), url)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			if _, err := db.Migrate(b.Context()); err != nil {
				b.Fatal(err)
			}
			const users, batches = 1000, 10
			node, err := db.Join(b.Context(), persistence.NodeConfig{Name: "bench", Lease: time.Minute})
			if err != nil {
				b.Fatal(err)
			}
			var touches [batches][]rollcall.Change
			at := time.Now().UTC().Truncate(time.Microsecond)
			for batch := range touches {
				var come rollcall.Batch
				for n := range users {
					c := rollcall.Change{Session: uuid.New(), Email: rollcall.Email(fmt.Sprintf("user%d-%d@example.com", batch, n)),
						Admitted: true, ConnectedAt: at, Since: at, LastActivity: at, UserActivity: at}
					come.Inserts = append(come.Inserts, c)
					touches[batch] = append(touches[batch], rollcall.Change{Session: c.Session, Email: c.Email})
				}
				if _, err := node.Commit(b.Context(), come); err != nil {
					b.Fatal(err)
				}
			}
			for n := 0; b.Loop(); n++ {
				batch := touches[n%batches]
				at = at.Add(time.Second)
				for i := range batch {
					batch[i].LastActivity, batch[i].UserActivity = at, at
				}
				if _, err := node.Commit(b.Context(), rollcall.Batch{Touches: batch}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/users, "µs/user")
		})
	}
}
