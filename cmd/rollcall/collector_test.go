package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// Until the heap has its least size nothing is collected, and from then on the
// collector keeps to Go's rule, until there would be more garbage than a server may
// have: the heap of a large one must not grow more. But grow it must, or one that is very
// large would be collected all the time.
func TestHeapGrowsToItsLeastSizeAndThenAsUsualUpToAMost(t *testing.T) {
	const mebibyte, gibibyte = 1 << 20, 1 << 30
	for _, c := range []struct{ live, scanned, goal uint64 }{
		{0, 0, heapLeast}, // as before the first collection
		{8 * mebibyte, 2 * mebibyte, heapLeast},
		{30 * mebibyte, 0, heapLeast},
		{heapLeast / 2, 0, heapLeast},
		{60 * mebibyte, 0, 120 * mebibyte},
		{300 * mebibyte, 4 * mebibyte, 604 * mebibyte},
		{1000 * mebibyte, 4 * mebibyte, 1000*mebibyte + garbageMost},
		{2 * gibibyte, 0, 2*gibibyte + garbageMost},
		{10 * gibibyte, 100 * mebibyte, 10*gibibyte + (10*gibibyte+100*mebibyte)*15/100},
		{40 * gibibyte, 0, 46 * gibibyte},
	} {
		percent := growth(c.live, c.scanned)
		goal := c.live + max(c.live+c.scanned, heapBegins)*uint64(percent)/100
		if goal > c.goal || goal < c.goal-max(mebibyte, c.live/100) { // a percent is the least step
			t.Errorf("with %d bytes alive the heap is collected at %d, want %d", c.live, goal, c.goal)
		}
	}
}

// The rule follows what is alive only if each collection is noticed.
func TestEveryCollectionIsNoticed(t *testing.T) {
	noticed := make(chan struct{}, 1)
	afterCollections(func() {
		select {
		case noticed <- struct{}{}:
		default:
		}
	})
	<-noticed
	for range 3 {
		runtime.GC()
		<-noticed
	}
}

// A server collects seldom while its heap is small, unless whoever runs it has said
// when it is to.
func TestServerCollectsSeldomUnlessItIsTold(t *testing.T) {
	t.Parallel()
	for gogc, seldom := range map[string]bool{"": true, "100": false} {
		w := newWorld(t, persistencetest.SQLite(t))
		cmd := exec.Command(os.Args[0], w.command("--pprof=127.0.0.1:0")...)
		cmd.Env = []string{"GOGC=" + gogc}
		p := w.start(cmd)
		p.listens()
		p.told("msg=profiling address=")
		address, _, _ := strings.Cut(p.address, "\n")
		_, rest, _ := strings.Cut(get(t, "http://"+address+"/debug/pprof/heap?debug=1"), "# NextGC = ")
		line, _, _ := strings.Cut(rest, "\n")
		goal, err := strconv.Atoi(line)
		if err != nil || goal >= heapLeast/2 != seldom {
			t.Errorf("with GOGC=%q the heap is collected at %q, %v", gogc, line, err)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
