package persistence_test

import (
	"bufio"
	"context"
	"strings"
	"testing"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// An import is told whatever a file holds: each of its lines is added, known or
// refused, what is added is a user, and to import it again changes nothing.
func FuzzImportAccountsForEveryLine(f *testing.F) {
	for _, seed := range []string{
		"ada@example.com\ngrace@example.com\n", "\ufeffada@example.com\r\n\r\n# nobody\n", "no e-mail\n@\na@b", "\x00@\n\xff@\n", " a@b \n\ta@b\n",
		strings.Repeat("x", 300) + "@example.com", "a@b\ra@b", "'; DROP TABLE users; --@x\n?@?\n{0}@x",
	} {
		f.Add(seed)
	}
	db, err := persistence.Open(context.Background(), persistencetest.SQLite(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	if _, err := db.Migrate(context.Background()); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file string) {
		lines := 0
		for s := bufio.NewScanner(strings.NewReader(file)); s.Scan(); {
			if line := strings.TrimSpace(strings.TrimPrefix(s.Text(), "\ufeff")); line != "" && line[0] != '#' {
				lines++
			}
			if len(s.Bytes()) > bufio.MaxScanTokenSize-2 {
				return // a line that long ends an import with an error
			}
		}
		first, err := db.ImportUsers(t.Context(), strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if first.Added+first.Known+first.Refused != lines {
			t.Fatalf("%d lines, and the import says %+v", lines, first)
		}
		again, err := db.ImportUsers(t.Context(), strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if again.Added != 0 || again.Refused != first.Refused || again.Known != first.Added+first.Known {
			t.Fatalf("the import said %+v, and then %+v", first, again)
		}
		for user, err := range db.Users(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := rollcall.ParseEmail(string(user.Email)); err != nil {
				t.Fatalf("%q is a user", user.Email)
			}
		}
		if _, _, err := db.RemoveUsers(t.Context(), everybody(t, db)); err != nil {
			t.Fatal(err)
		}
	})
}

func everybody(t *testing.T, db *persistence.Database) (emails []rollcall.Email) {
	t.Helper()
	for user, err := range db.Users(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		emails = append(emails, user.Email)
	}
	return emails
}
