package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcall/rollcall/cmd/rollcall/bench"
)

// A run writes its table over the one before, and must leave the words around it
// alone: they are a person's.
func TestTableReplacesTheOneBefore(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(name, []byte("before\n"+begin+"old\n"+end+"behind\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one\n", "two\n"} {
		if err := writePage(name, text); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if want := "before\n" + begin + "two\n" + end + "behind\n"; err != nil || string(got) != want {
		t.Errorf("the page is %q, %v", got, err)
	}
}

// A page without a place must be found before five minutes are spent.
func TestPageWithoutAPlaceIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(name, []byte(end+begin), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readPage(name); err == nil {
		t.Error("the page was taken")
	}
	if _, err := readPage("../../docs/performance.md"); err != nil {
		t.Errorf("the page of this repository was not: %v", err)
	}
}

// Each figure has its line, and the command stands beside the first.
func TestTableHasALineForEachFigure(t *testing.T) {
	report := bench.Report{
		At: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC),
		Lines: []bench.Line{
			{Name: "connects", Unit: "1/s", Rollcall: &bench.Spread{Min: 1, Median: 2, Max: 3}, Ratio: &bench.Spread{Min: 0.5, Median: 0.5, Max: 0.5}},
			{Name: "failed", Rollcall: &bench.Spread{}},
		},
	}
	got := table([]measured{{entry{"connect", []string{"connects", "failed"}}, report}})
	for _, want := range []string{
		"2026-02-03", "| `connect` | connects, 1/s | 2 (1 to 3) | – | 0.50 |\n", "|  | failed | 0 | – | – |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table has no %q:\n%s", want, got)
		}
	}
}
