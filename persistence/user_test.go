package persistence_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

// Scripts add users again and again: what is there already is no error, and
// stays as it is.
func TestAddingUsersAgainChangesNothing(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		_, _, err := f.SetUsersActive(t.Context(), []rollcall.Email{ada}, false)
		must(t, err)
		added, err := f.AddUsers(t.Context(), []rollcall.Email{ada, "new@example.com", "new@example.com"})
		if must(t, err); added != 1 {
			t.Errorf("added %d users, want 1", added)
		}
		equal(t, "users", userList(t, f), "ada@example.com false", "grace@example.com true",
			"linus@example.com true", "new@example.com true")
	})
}

// An e-mail that could never connect must not look as if it could.
func TestUserWithoutAValidEmailIsRefused(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		for _, bad := range []rollcall.Email{
			"", "nobody", " a@example.com", "a@example.com\n", "a\x00@example.com", "a\xff@example.com",
			rollcall.Email(strings.Repeat("a", 243) + "@example.com"),
		} {
			added, err := f.AddUsers(t.Context(), []rollcall.Email{"good@example.com", bad})
			if err == nil || added != 0 {
				t.Errorf("%.40q was added", bad)
			}
		}
		if got := len(userList(t, f)); got != 3 {
			t.Errorf("%d users, want the 3 of before", got)
		}
	})
}

// The operator has to see which of the names on the list were misspelt.
func TestChangesReportTheUsersTheyMissed(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		changed, missing, err := f.SetUsersActive(t.Context(), []rollcall.Email{grace, "x@example.com", ada, ada}, false)
		if must(t, err); changed != 2 {
			t.Errorf("changed %d users, want 2", changed)
		}
		equal(t, "missing", missing, "x@example.com")
		equal(t, "users", userList(t, f), "ada@example.com false", "grace@example.com false", "linus@example.com true")

		removed, missing, err := f.RemoveUsers(t.Context(), []rollcall.Email{linus, "y@example.com"})
		if must(t, err); removed != 1 {
			t.Errorf("removed %d users, want 1", removed)
		}
		equal(t, "missing", missing, "y@example.com")
		equal(t, "users", userList(t, f), "ada@example.com false", "grace@example.com false")
	})
}

// A user list is longer than a page; none may be left out or come twice, and
// whoever walks may stop.
func TestUsersWalksOverAllPages(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		var emails []rollcall.Email
		for i := range 2500 {
			emails = append(emails, rollcall.Email(fmt.Sprintf("user%05d@example.com", i)))
		}
		_, err := f.AddUsers(t.Context(), emails)
		must(t, err)
		want := append([]rollcall.Email{ada, grace, linus}, emails...)
		var got []rollcall.Email
		for u, err := range f.Users(t.Context()) {
			must(t, err)
			if age := time.Since(u.CreatedAt); age < 0 || age > time.Minute || u.ID == 0 {
				t.Fatalf("got the user %+v", u)
			}
			got = append(got, u.Email)
		}
		equal(t, "users", got, want...)
		for u, err := range f.Users(t.Context()) {
			if must(t, err); u.Email != ada {
				t.Errorf("the first user is %s, want %s", u.Email, ada)
			}
			break
		}
	})
}

// An import is a list from somewhere else: with comments, blank lines, endings
// of another system, duplicates and mistakes, of which the operator has to hear.
func TestImportTakesWhatIsValidAndNamesTheRest(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		file := "\ufeffnew@example.com\r\n# comment\r\n\r\n  spaced@example.com\t\nada@example.com\nnew@example.com\nnot an e-mail\na\x00@b\nlast@example.com"
		for _, want := range []persistence.Import{{Added: 3, Known: 2, Refused: 2}, {Added: 0, Known: 5, Refused: 2}} {
			got, err := f.ImportUsers(t.Context(), strings.NewReader(file))
			must(t, err)
			if got.Added != want.Added || got.Known != want.Known || got.Refused != want.Refused {
				t.Errorf("imported %+v, want %+v", got, want)
			}
			equal(t, "invalid lines", got.Invalid, `line 7: "not an e-mail" is not an e-mail`, `line 8: "a\x00@b" is not an e-mail`)
		}
		if got := len(userList(t, f)); got != 6 {
			t.Errorf("%d users, want 6", got)
		}
	})
}

// The examples of an import are bounded, the count is not: a wrong file must not
// fill the terminal. A line without an end must not fill the memory.
func TestImportOfAWrongFileIsBounded(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		got, err := f.ImportUsers(t.Context(), strings.NewReader(strings.Repeat("nonsense\n", 1000)))
		if must(t, err); got.Refused != 1000 || len(got.Invalid) != 20 {
			t.Errorf("refused %d lines and named %d, want 1000 and 20", got.Refused, len(got.Invalid))
		}
		got, err = f.ImportUsers(t.Context(), strings.NewReader("first@example.com\n"+strings.Repeat("x", 1<<20)))
		if err == nil || got.Added != 1 {
			t.Errorf("imported %+v with the error %v, want the first line and an error", got, err)
		}
	})
}

// A hundred thousand users are one import of seconds.
func TestImportOfAHundredThousandUsersTakesSeconds(t *testing.T) {
	t.Parallel()                              // the race detector makes SQLite slow
	const users, limit = 100_000, time.Minute // far above what it takes, for a busy machine and the race detector
	var file strings.Builder
	for i := range users {
		fmt.Fprintf(&file, "user%d@example.com\n", i)
	}
	eachDatabase(t, func(t *testing.T, f *fixture) {
		start := time.Now()
		got, err := f.ImportUsers(t.Context(), strings.NewReader(file.String()))
		if must(t, err); got.Added != users || got.Known+got.Refused != 0 {
			t.Errorf("imported %+v, want %d added", got, users)
		}
		took := time.Since(start)
		t.Logf("imported %d users in %s", users, took)
		if took > limit {
			t.Errorf("the import took %s", took)
		}
		audit, err := f.Audit(t.Context())
		if must(t, err); audit.Users != users+3 {
			t.Errorf("%d users, want %d", audit.Users, users+3)
		}
	})
}

func userList(t *testing.T, f *fixture) (list []string) {
	t.Helper()
	for u, err := range f.Users(t.Context()) {
		must(t, err)
		list = append(list, fmt.Sprint(u.Email, " ", u.Active))
	}
	if !slices.IsSorted(list) {
		t.Errorf("users are not in the order of their e-mails: %v", list)
	}
	return list
}
