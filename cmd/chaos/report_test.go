package main

import (
	"strings"
	"testing"
)

// Only a run to its end, in which bad things were done to somebody, proves
// anything. Each other one must say so, and end with another code than the one
// that a pipeline takes for a proof.
func TestReportSaysWhatARunHasProved(t *testing.T) {
	sound := func() (s settings, r record) {
		p := newPlant()
		p.socket(1, "one", 1000*ms, 9000*ms)
		p.fault(fault{kind: databaseCut, began: 5000 * ms, ended: 6000 * ms})
		p.lists(nil)
		return settings{clients: 1, servers: 2}, p.record
	}
	for name, c := range map[string]struct {
		spoil func(*record)
		cut   bool // by an interrupt
		code  int
		said  string
	}{
		"kept": {func(*record) {}, false, exitKept, "The promise was kept in 1 of 13 kinds of fault.\n"},
		"kept in all": {func(r *record) {
			for _, k := range faultKinds {
				r.faults = append(r.faults, fault{kind: k, node: "two", began: 5000 * ms, ended: 6000 * ms})
			}
		}, false, exitKept, "The promise was kept.\n"},
		"interrupted": {func(*record) {}, true, exitFailed, "Interrupted. Until then the promise was not seen to be broken."},
		"no fault":    {func(r *record) { r.faults = nil }, false, exitFailed, "Nothing was proved: no fault was injected."},
		"no client":   {func(r *record) { r.sockets, r.seen = nil, r.seen[:0] }, false, exitFailed, "Nothing was proved: no client was greeted."},
		"no list":     {func(r *record) { r.seen = nil }, false, exitFailed, "Nothing was proved: no list was seen."},
		"broken":      {func(r *record) { r.surprises = []string{"a server ended by itself"} }, false, exitFailed, "The promise was broken 1 times:"},
	} {
		s, r := sound()
		c.spoil(&r)
		one := newReport(s, r, planted, plantEnd)
		one.Interrupted = c.cut
		var out strings.Builder
		one.print(&out)
		if got := one.exitCode(); got != c.code {
			t.Errorf("%s: exit code %d, want %d", name, got, c.code)
		}
		if !strings.Contains(out.String(), c.said) {
			t.Errorf("%s: %q is not said in\n%s", name, c.said, out.String())
		}
		if kept := strings.Contains(out.String(), "promise was kept"); kept != (c.code == exitKept) {
			t.Errorf("%s: that the promise was kept is said: %t", name, kept)
		}
	}
}

// Who reads that 0 replies took 0 ms takes it for good news. A run says nothing of what
// it has not done.
func TestReportHasNoMeasurementsOfWhatWasNotDone(t *testing.T) {
	p := newPlant()
	p.socket(1, "one", 1000*ms, 9000*ms)
	p.fault(fault{kind: databaseCut, began: 5000 * ms, ended: 6000 * ms})
	p.lists(nil)
	var out strings.Builder
	newReport(settings{clients: 1, servers: 2}, p.record, planted, plantEnd).print(&out)
	for _, k := range faultKinds {
		if said := strings.Contains(out.String(), string(k)); said != (k == databaseCut) {
			t.Errorf("%s is spoken of: %t, in\n%s", k, said, out.String())
		}
	}
	for _, when := range []string{calm, rough} {
		if strings.Contains(out.String(), "  "+when+" ") {
			t.Errorf("the echo is spoken of %s, and nobody echoed", when)
		}
	}
}
