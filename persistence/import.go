package persistence

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rollcall/rollcall"
)

const (
	// importChunk is how many users one transaction adds. A server that runs on
	// the same SQLite file waits for no longer than one of them.
	importChunk = 2000
	// importExamples is how many of the invalid lines an import shows.
	importExamples = 20
	// maxImportLine is the length of a line in bytes. An import that meets a
	// longer one ends there with an error: the file is no list of e-mails.
	maxImportLine = 64 << 10
)

// Import is what became of the lines of a file.
type Import struct {
	Added   int
	Known   int      // users before, or twice in the file
	Refused int      // lines that are no e-mails
	Invalid []string // the first of these, with their numbers
}

// ImportUsers adds a user for each line of a file; blank lines and those that
// begin with # are passed over. Lines are added a few thousand at a time, and
// what was added before an error stays: the same import may be run again.
func (d *Database) ImportUsers(ctx context.Context, file io.Reader) (Import, error) {
	var done Import
	var chunk []rollcall.Email
	flush := func() error {
		added, err := d.AddUsers(ctx, chunk)
		if err != nil {
			return err
		}
		done.Added += added
		done.Known += len(chunk) - added
		chunk = chunk[:0]
		return nil
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxImportLine)
	number := 0
	for lines.Scan() {
		number++
		email := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")) // some editors begin a file so
		if email == "" || email[0] == '#' {
			continue
		}
		if err := checkUser(email); err != nil {
			done.refuse(number, err)
			continue
		}
		if chunk = append(chunk, rollcall.Email(email)); len(chunk) < importChunk {
			continue
		}
		if err := flush(); err != nil {
			return done, fmt.Errorf("import users up to line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil { // in the line that could not be read whole
		return done, errors.Join(fmt.Errorf("read line %d: %w", number+1, err), flush())
	}
	if err := flush(); err != nil {
		return done, fmt.Errorf("import users up to line %d: %w", number, err)
	}
	return done, nil
}

func (i *Import) refuse(line int, err error) {
	i.Refused++
	if len(i.Invalid) < importExamples {
		i.Invalid = append(i.Invalid, fmt.Sprintf("line %d: %s", line, err))
	}
}
