package bench

import (
	"net/url"
	"testing"
)

// Figures of two databases, or of a server with other flags, must not be compared
// by mistake; and a report is shown to people who may not know the passwords.
func TestSubjectSaysWhatWasMeasuredAndNoSecret(t *testing.T) {
	elsewhere := &url.URL{Scheme: "http", User: url.UserPassword("me", "s3cret"), Host: "there:8000"}
	for _, test := range []struct {
		config Config
		want   string
	}{
		{Config{}, "on SQLite"},
		{Config{Database: "sqlite://postgres.db"}, "on SQLite"},
		{Config{Database: "postgres://me:s3cret@there/x"}, "on PostgreSQL"},
		{Config{Flags: []string{
			"--lease", "5s", "--webhook-secret", "s3cret", "--webhook-url=https://s3cret@there/", "--demo",
		}}, "on SQLite --lease 5s --webhook-secret … --webhook-url=… --demo"},
		{Config{Server: elsewhere, Database: "postgres://there/x"}, "a server that runs: http://there:8000"},
	} {
		if got := test.config.subject().line(); got != test.want {
			t.Errorf("the subject is %q, want %q", got, test.want)
		}
	}
}
