package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// profileTimeout is how long a server may take for a profile.
const profileTimeout = 30 * time.Second

// heap is what Go's runtime knows of a server's memory, in bytes.
type heap struct{ inUse, stacks int64 }

// readHeap asks a server for its heap profile, at whose end the runtime's numbers
// stand. It asks for no collection: what is measured is how the server is.
func readHeap(ctx context.Context, address string) (h heap, err error) {
	ctx, cancel := context.WithTimeout(ctx, profileTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/debug/pprof/heap?debug=1", nil)
	if err != nil {
		return h, fmt.Errorf("ask for the heap: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return h, fmt.Errorf("ask for the heap: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return h, fmt.Errorf("ask for the heap: HTTP %d", response.StatusCode)
	}
	return parseHeap(response.Body)
}

func parseHeap(profile io.Reader) (h heap, err error) {
	lines := bufio.NewScanner(profile)
	lines.Buffer(nil, 1<<20)
	found := 0
	for lines.Scan() {
		for name, to := range map[string]*int64{"# HeapInuse = ": &h.inUse, "# Stack = ": &h.stacks} {
			if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
				number, _, _ := strings.Cut(rest, " / ")
				if *to, err = strconv.ParseInt(number, 10, 64); err != nil {
					return h, fmt.Errorf("read the heap: %w", err)
				}
				found++
			}
		}
	}
	if err := lines.Err(); err != nil {
		return h, fmt.Errorf("read the heap: %w", err)
	}
	if found < 2 {
		return h, errors.New("read the heap: the profile ends without its numbers")
	}
	return h, nil
}
