package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rollcall/rollcall/persistence"
)

const (
	// looks and lookEvery bound the comparison of a list with its rows. Both
	// change meanwhile, and may differ for a second: what differs each time is
	// wrong.
	looks     = 4
	lookEvery = time.Second
	// shownExamples is how many e-mails a report names; --json has more.
	shownExamples = 5
)

// listComparison is how the list of one server differs from its rows.
type listComparison struct {
	Node       string   `json:"node"`
	Listed     int      `json:"listed"`
	WithoutRow []string `json:"without_row"` // listed
	NotListed  []string `json:"not_listed"`  // with a row
}

func (c *listComparison) agrees() bool { return len(c.WithoutRow)+len(c.NotListed) == 0 }

// compareList looks until the two agree, or so often that a change under way is
// no excuse any more.
func compareList(ctx context.Context, db *persistence.Database, server *url.URL, token string) (*listComparison, error) {
	var all *listComparison
	for look := range looks {
		if look > 0 {
			select {
			case <-time.After(lookEvery):
			case <-ctx.Done():
				return nil, fmt.Errorf("comparing the list with its rows: %w", ctx.Err())
			}
		}
		now, err := compareOnce(ctx, db, server, token)
		if err != nil {
			return nil, err
		}
		if all != nil {
			now.WithoutRow = inBoth(all.WithoutRow, now.WithoutRow)
			now.NotListed = inBoth(all.NotListed, now.NotListed)
		}
		if all = now; all.agrees() {
			break
		}
	}
	return all, nil
}

func compareOnce(ctx context.Context, db *persistence.Database, server *url.URL, token string) (*listComparison, error) {
	a, err := ask(ctx, server, token)
	if err != nil {
		return nil, err
	}
	if a.node == "" {
		return nil, errors.New("the server does not say which node it is: its list cannot be compared")
	}
	emails, err := db.NodeEmails(ctx, a.node)
	if err != nil {
		return nil, err
	}
	rows := plain(emails)
	listed := make([]string, len(a.Active))
	for i, user := range a.Active {
		listed[i] = user.Email
	}
	slices.Sort(listed)
	slices.Sort(rows)
	return &listComparison{
		Node: a.node, Listed: len(listed),
		WithoutRow: inFirst(listed, rows), NotListed: inFirst(rows, listed),
	}, nil
}

// inFirst is what is in the first of two ordered lists and not in the second.
func inFirst(first, second []string) []string {
	return slices.DeleteFunc(slices.Clone(first), func(s string) bool { return contains(second, s) })
}

// inBoth is what is in both of two ordered lists.
func inBoth(first, second []string) []string {
	return slices.DeleteFunc(slices.Clone(first), func(s string) bool { return !contains(second, s) })
}

func contains(ordered []string, s string) bool {
	_, found := slices.BinarySearch(ordered, s)
	return found
}

// examples names some of those who are wrong; nothing if nobody is.
func examples(emails []string) string {
	switch n := len(emails); {
	case n == 0:
		return ""
	case n > shownExamples:
		return fmt.Sprintf(": not %s and more", strings.Join(emails[:shownExamples], ", "))
	default:
		return ": not " + strings.Join(emails, ", ")
	}
}
