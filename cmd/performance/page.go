package main

import (
	"fmt"
	"os"
	"strings"
)

// The table stands between these lines of the page.
const (
	begin = "<!-- measured by make bench -->\n"
	end   = "<!-- end of what was measured -->\n"
)

// page is the text around the table.
type page struct{ before, behind string }

func readPage(name string) (p page, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return p, fmt.Errorf("read the page: %w", err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, behind, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return p, fmt.Errorf("%s has no place for the table: the lines %q and %q", name, begin, end)
	}
	return page{before + begin, end + behind}, nil
}

// writePage puts the table into the page, and leaves the rest of it alone.
func writePage(name, table string) error {
	p, err := readPage(name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, []byte(p.before+table+p.behind), 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// table is Markdown: the machine, and a line for each figure.
func table(all []measured) string {
	var b strings.Builder
	if len(all) > 0 {
		m := all[0].report.Machine
		fmt.Fprintf(&b, "%s, %d cores, Linux %s, %s; %s.\n\n", m.Processor, m.Cores, m.Kernel, m.Go, all[0].report.At.Format("2006-01-02"))
	}
	b.WriteString("| `rollcall bench …` | figure | Rollcall | bare server | ratio |\n|---|---|---|---|---|\n")
	for _, one := range all {
		command := "`" + one.command + "`"
		for _, name := range one.figures {
			line := one.report.Line(name) // measuring has looked that there is one
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", command,
				strings.TrimSuffix(name+", "+line.Unit, ", "), line.Rollcall, line.Bare, line.Ratio)
			command = ""
		}
	}
	return b.String()
}
