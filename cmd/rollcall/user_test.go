package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAddingUsersTwiceAddsThemOnce lets a deployment script run again.
func TestAddingUsersTwiceAddsThemOnce(t *testing.T) {
	newDatabase(t)
	if got := mustRun(t, "user", "add", "alice@example.com", "bob@example.com"); got != "added alice@example.com\nadded bob@example.com\n" {
		t.Errorf("printed %q", got)
	}
	if got := mustRun(t, "user", "add", "bob@example.com", "carol@example.com"); got != "known bob@example.com\nadded carol@example.com\n" {
		t.Errorf("printed %q", got)
	}
	if got := emails(t); got != "alice@example.com bob@example.com carol@example.com" {
		t.Errorf("the users are %s", got)
	}
}

// TestOneWrongEmailAddsNobody keeps a command line all or nothing.
func TestOneWrongEmailAddsNobody(t *testing.T) {
	newDatabase(t)
	if got := rollcallWith(t, "", "user", "add", "alice@example.com", "bob"); got.code != exitUsage {
		t.Errorf("exit %d", got.code)
	}
	if got := emails(t); got != "" {
		t.Errorf("the users are %s", got)
	}
}

// TestImportReadsFilesAndStandardInput feeds the same lines both ways: the
// second time everybody is known.
func TestImportReadsFilesAndStandardInput(t *testing.T) {
	newDatabase(t)
	lines := "# the team\r\nalice@example.com\r\n\nbob@example.com\n"
	file := filepath.Join(t.TempDir(), "users.txt")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := mustRun(t, "user", "import", file); got != "added 2, known 0, invalid 0\n" {
		t.Errorf("the file: printed %q", got)
	}
	got := rollcallWith(t, lines, "user", "import", "-")
	if got.code != exitOK || got.err != "" || got.out != "added 0, known 2, invalid 0\n" {
		t.Errorf("standard input: exit %d, said %q, printed %q", got.code, got.err, got.out)
	}
	if got := emails(t); got != "alice@example.com bob@example.com" {
		t.Errorf("the users are %s", got)
	}
}

// TestImportNamesInvalidLines keeps the good ones, says where the bad ones are,
// and fails, so that a script does not take a part for the whole.
func TestImportNamesInvalidLines(t *testing.T) {
	newDatabase(t)
	got := rollcallWith(t, "alice@example.com\n\nno\x1bbody\nbob@example.com\n", "user", "import", "-")
	if got.code != exitFailure || got.out != "added 2, known 0, invalid 1\n" {
		t.Errorf("exit %d, printed %q", got.code, got.out)
	}
	if !strings.Contains(got.err, "3") || !strings.Contains(got.err, `no\x1bbody`) {
		t.Errorf("said %q, want line 3 and what it is", got.err)
	}
	if got := emails(t); got != "alice@example.com bob@example.com" {
		t.Errorf("the users are %s", got)
	}
	if got := rollcallWith(t, "", "user", "import", "/no/such/file"); got.code != exitFailure || !oneComplaint(got.err) {
		t.Errorf("no file: exit %d, said %q", got.code, got.err)
	}
}

// TestUsersAreDeactivatedAndBack looks at the list after each step.
func TestUsersAreDeactivatedAndBack(t *testing.T) {
	newDatabase(t)
	mustRun(t, "user", "add", "alice@example.com", "bob@example.com")
	mustRun(t, "user", "deactivate", "alice@example.com")
	if users := listUsers(t); users[0].Active || !users[1].Active {
		t.Errorf("after deactivate: %+v", users)
	}
	mustRun(t, "user", "activate", "alice@example.com")
	if users := listUsers(t); !users[0].Active || !users[1].Active {
		t.Errorf("after activate: %+v", users)
	}
	mustRun(t, "user", "remove", "alice@example.com")
	if got := emails(t); got != "bob@example.com" {
		t.Errorf("after remove the users are %s", got)
	}
}

// TestChangingAStrangerFails does not leave an active user behind a typing error
// in silence; the others are changed all the same.
func TestChangingAStrangerFails(t *testing.T) {
	newDatabase(t)
	for _, command := range []string{"deactivate", "activate", "remove"} {
		mustRun(t, "user", "add", "bob@example.com")
		got := rollcallWith(t, "", "user", command, "alcie@example.com", "bob@example.com")
		if got.code != exitFailure || !oneComplaint(got.err) || !strings.Contains(got.err, "alcie@example.com") || strings.Contains(got.err, "bob@") {
			t.Errorf("%s: exit %d, said %q", command, got.code, got.err)
		}
	}
	if got := emails(t); got != "" {
		t.Errorf("after remove the users are %s", got)
	}
}

// TestUserListIsATable has one line for each user, and headings.
func TestUserListIsATable(t *testing.T) {
	newDatabase(t)
	mustRun(t, "user", "add", "alice@example.com", "bob@example.com")
	mustRun(t, "user", "deactivate", "bob@example.com")
	lines := strings.Split(mustRun(t, "user", "list"), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "EMAIL              ACTIVE  CREATED") ||
		!strings.HasPrefix(lines[1], "alice@example.com  yes     2") || !strings.HasPrefix(lines[2], "bob@example.com    no      2") {
		t.Errorf("printed %q", lines)
	}
}

func listUsers(t *testing.T) (users []listedUser) {
	t.Helper()
	if err := json.Unmarshal([]byte(mustRun(t, "user", "list", "--json")), &users); err != nil {
		t.Fatal(err)
	}
	return users
}

func emails(t *testing.T) string {
	t.Helper()
	var all []string
	for _, u := range listUsers(t) {
		all = append(all, string(u.Email))
	}
	return strings.Join(all, " ")
}
