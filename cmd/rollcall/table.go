package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// table is rows of cells, the first of them the headings.
type table [][]string

// print aligns the columns. No cell can break the lines or command the
// terminal, whatever is in the database.
func (t table) print(w io.Writer) error {
	aligned := tabwriter.NewWriter(w, 0, 0, columnGap, ' ', 0)
	for _, row := range t {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = printable(cell)
		}
		fmt.Fprintln(aligned, strings.Join(cells, "\t"))
	}
	if err := aligned.Flush(); err != nil {
		return fmt.Errorf("printing the table: %w", err)
	}
	return nil
}

const columnGap = 2

// instant is a time in a table, or what its absence means.
func instant(t time.Time, absent string) string {
	if t.IsZero() {
		return absent
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// printable escapes whatever a terminal would not show as itself: control
// characters, and those that turn the direction of the text.
func printable(s string) string {
	if !strings.ContainsFunc(s, notPrintable) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if notPrintable(r) {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }

// counted is a number of things in words, of which one has no s at its end.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// printJSON prints what another program will read.
func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("printing JSON: %w", err)
	}
	return nil
}
