package main

import (
	"slices"
	"testing"
)

// A command line can be seen by everybody, and the environment cannot.
func TestPasswordIsNotOnTheCommandLine(t *testing.T) {
	for given, want := range map[string][]string{
		"postgres://me:s3%2Fcret@host:5432/x?a=b": {"postgres://me@host:5432/x?a=b", "PGPASSWORD=s3/cret"},
		"postgres://me@host/x":                    {"postgres://me@host/x"},
		"sqlite:///tmp/some file.db":              {"sqlite:///tmp/some file.db"},
	} {
		database, variables := measuring{database: given}.apart()
		if got := append([]string{database}, variables...); !slices.Equal(got, want) {
			t.Errorf("%s becomes %q, want %q", given, got, want)
		}
	}
}
