package main

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// While all is well the doctor must say so, also of a server's list, or nobody
// would believe it later.
func TestDoctorFindsAHealthyServerWell(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		p.connect(user(0))
		p.connect(user(1))
		got := rollcallWith(t, "", "doctor", "--database", w.url, "--server", "http://"+p.address, "--token", w.token)
		if got.code != exitOK || strings.Contains(got.out, "WRONG") || strings.Count(got.out, "ok ") != 5 {
			t.Errorf("exit %d, said %q and reported\n%s", got.code, got.err, got.out)
		}
		d := w.diagnosis("--server", "http://"+p.address, "--token", w.token)
		if !d.Well || d.Sessions != 2 || d.Connections != 2 || d.List == nil || d.List.Listed != 2 || d.List.Node != "node" {
			t.Errorf("the diagnosis is %+v, and of the list %+v", d, d.List)
		}
		if len(d.Nodes) != 1 || !d.Nodes[0].Alive || d.Nodes[0].Sessions != 2 {
			t.Errorf("the nodes are %+v", d.Nodes)
		}
	})
}

// A killed server's rows are ghosts when its lease is over. The doctor counts
// them, sweep removes them, and the doctor is content.
func TestDoctorFindsGhostsAndSweepRemovesThem(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve("--lease=1s")
		p.connectAll(20)
		p.signal(syscall.SIGKILL)
		<-p.exited
		w.within("the lease to be over", func() bool { return w.diagnosis().Ghosts == 20 })
		got := rollcallWith(t, "", "doctor", "--database", w.url)
		if got.code != exitFailure || !strings.Contains(got.out, "WRONG  every session is of a node with a live lease: 20 are not") {
			t.Errorf("exit %d, reported\n%s", got.code, got.out)
		}
		if d := w.diagnosis(); d.Well || d.OldestGhost <= 0 {
			t.Errorf("the diagnosis is %+v", d)
		}
		got = rollcallWith(t, "", "sweep", "--database", w.url)
		if got.code != exitOK || got.out != "removed 20 sessions of dead nodes: node\n" {
			t.Errorf("exit %d, said %q %q", got.code, got.out, got.err)
		}
		if rows := persistencetest.Active(w, w.url); len(rows) > 0 {
			t.Errorf("%d rows are left", len(rows))
		}
		if d := w.diagnosis(); !d.Well {
			t.Errorf("after the sweep the diagnosis is %+v", d)
		}
		if got = rollcallWith(t, "", "sweep", "--database", w.url); got.out != "nothing to remove\n" {
			t.Errorf("the second sweep says %q", got.out)
		}
	})
}

// What a hand in the database leaves is named, so that somebody can look for
// the hand.
func TestDoctorNamesWhatDoesNotBelongTogether(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve("--lease=1h")
		p.connect(user(0))
		p.signal(syscall.SIGKILL) // so that nobody sweeps meanwhile
		<-p.exited
		w.exec("DELETE FROM active_websocket_connections")
		w.exec("INSERT INTO active_websocket_connections (email, connected_at, last_activity)" +
			" VALUES ('ghost@example.com', '2020-01-01 00:00:00+00:00', '2020-01-01 00:00:00+00:00')")
		got := rollcallWith(t, "", "doctor", "--database", w.url)
		for _, line := range []string{
			"WRONG  every active connection has a session: not ghost@example.com",
			"WRONG  every session's user has an active connection: not " + user(0),
		} {
			if got.code != exitFailure || !strings.Contains(got.out, line) {
				t.Errorf("exit %d, %q is missing from\n%s", got.code, line, got.out)
			}
		}
		if !oneComplaint(got.err) {
			t.Errorf("said %q", got.err)
		}
		got = rollcallWith(t, "", "sweep", "--database", w.url)
		if got.out != "removed 1 active connection without a session\n"+
			"put back 1 active connection of users with a session\n" {
			t.Errorf("sweep says %q", got.out)
		}
		w.wantRows(0, user(0))
	})
}

// A list that differs from its rows, and goes on to, is the fault that nobody
// would see in the tables alone.
func TestDoctorComparesAListWithItsRows(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve("--lease=1h")
		p.connect(user(0))
		w.exec("UPDATE sessions SET email = '" + user(1) + "'")
		d := w.diagnosis("--server", "http://"+p.address, "--token", w.token)
		if d.Well || d.List == nil || len(d.List.WithoutRow) != 1 || d.List.WithoutRow[0] != user(0) ||
			len(d.List.NotListed) != 1 || d.List.NotListed[0] != user(1) {
			t.Errorf("the diagnosis is %+v, and of the list %+v", d, d.List)
		}
	})
}

// A receiver may ask for a pause of an hour. Whoever asks the doctor why nothing is
// posted must read until when, and nothing of a pause that is over.
func TestDoctorSaysUntilWhenTheWebhookIsLeftAlone(t *testing.T) {
	worlds(t, func(w *world) {
		w.exec("INSERT INTO outbox (kind, email, at, connected_at, reason, written_at) VALUES ('join', 'ada@example.com'," +
			" '2020-01-01 00:00:00+00:00', '2020-01-01 00:00:00+00:00', '', '2020-01-01 00:00:00+00:00')")
		for until, want := range map[string]string{
			"2020-01-01 00:00:00+00:00": "outbox: 1 notice to be posted, the oldest for ",
			"2120-01-01 00:00:00+00:00": "outbox: 1 notice to be posted, not before 2120-01-01 00:00:00Z, the oldest for ",
		} {
			w.exec("UPDATE outbox_turn SET failures = 1, not_before = '" + until + "'")
			if got := rollcallWith(t, "", "doctor", "--database", w.url); !strings.Contains(got.out, want) {
				t.Errorf("with a pause until %s the doctor says\n%s", until, got.out)
			}
			if d := w.diagnosis(); d.Outbox.Until.IsZero() != (d.At.Format(time.DateTime) > until) {
				t.Errorf("with a pause until %s the diagnosis is %+v", until, d.Outbox)
			}
		}
	})
}

// diagnosis is the doctor's report as a program reads it.
func (w *world) diagnosis(args ...string) diagnosis {
	w.Helper()
	got := rollcallWith(w.T, "", append([]string{"doctor", "--json", "--database", w.url}, args...)...)
	var d diagnosis
	if err := json.Unmarshal([]byte(got.out), &d); err != nil || d.Well != (got.code == exitOK) {
		w.Fatalf("exit %d, said %q and reported %s: %v", got.code, got.err, got.out, err)
	}
	return d
}

// exec is a hand in the database.
func (w *world) exec(statement string) {
	w.Helper()
	db := w.open()
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(w.Context(), statement); err != nil {
		w.Fatalf("%s: %v", statement, err)
	}
}

// query reads one column of text, past the code under test.
func (w *world) query(statement string) (all []string) {
	w.Helper()
	db := w.open()
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(w.Context(), statement)
	if err != nil {
		w.Fatalf("%s: %v", statement, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			w.Fatalf("%s: %v", statement, err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		w.Fatalf("%s: %v", statement, err)
	}
	return all
}

func (w *world) open() *sql.DB {
	w.Helper()
	connector, _, err := persistence.NewConnector(w.url)
	if err != nil {
		w.Fatal(err)
	}
	return sql.OpenDB(connector)
}

// TestDoctorLooksOnly lets nobody take a mistyped file for a healthy database, nor
// find one that was not there before.
func TestDoctorLooksOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "typo.db")
	for _, command := range []string{"doctor", "sweep"} {
		got := rollcallWith(t, "", "--database=sqlite://"+file, command)
		if got.code != exitFailure || !oneComplaint(got.err) || !strings.Contains(got.err, "typo.db") {
			t.Errorf("%s of a file that is not there: exit %d, %q", command, got.code, got.err)
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s made the file", command)
		}
	}
}
