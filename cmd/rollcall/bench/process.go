package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// ticksASecond is USER_HZ, in which /proc counts time. Linux shows programs
	// the same on every architecture that Go knows.
	ticksASecond = 100
	kibibyte     = 1 << 10
)

// memory is what a process takes, in bytes.
type memory struct {
	resident int64 // what is in memory of it (RSS)
	peak     int64 // the most that ever was, or since forgetPeak
	own      int64 // the same, with a part of what it shares with others (PSS)
	threads  int64
}

// readMemory reads what the kernel knows of a process.
func readMemory(pid int) (m memory, err error) {
	status, err := fields(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	rollup, err := fields(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return m, err
	}
	return memory{
		resident: status["VmRSS"] * kibibyte, peak: status["VmHWM"] * kibibyte,
		own: rollup["Pss"] * kibibyte, threads: status["Threads"],
	}, nil
}

// forgetPeak begins the peak of a process anew.
func forgetPeak(pid int) error {
	const peakAlone = "5" // proc(5), clear_refs
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte(peakAlone), 0); err != nil {
		return fmt.Errorf("forget the peak of a process's memory: %w", err)
	}
	return nil
}

// fields reads the numbers of a file of lines like "VmRSS:  1234 kB".
func fields(name string) (map[string]int64, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("look into a process: %w", err)
	}
	found := make(map[string]int64)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if words := strings.Fields(value); len(words) > 0 {
			if n, err := strconv.ParseInt(words[0], 10, 64); err == nil {
				found[key] = n
			}
		}
	}
	return found, nil
}

// footprint is what a server takes at one moment. Of its heap nothing is known if it
// has no profiles.
type footprint struct {
	memory
	heap
	kernel int64
}

// footprint reads that of the server of a scene.
func (s *scene) footprint(ctx context.Context) (f footprint, err error) {
	if f.memory, err = readMemory(s.server.pid); err != nil {
		return f, err
	}
	if f.kernel, err = readSockets(); err != nil {
		return f, err
	}
	if s.server.profile != "" {
		f.heap, err = readHeap(ctx, s.server.profile)
	}
	return f, err
}

// readCPU is how long all the threads of a process have worked.
func readCPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("look into a process: %w", err)
	}
	// The name stands in brackets and may have any character; utime and stime
	// are the twelfth and the thirteenth field behind it.
	words := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(words) < 13 {
		return 0, fmt.Errorf("look into a process: /proc/%d/stat has only %d fields", pid, len(words))
	}
	ticks := int64(0)
	for _, word := range words[11:13] {
		n, err := strconv.ParseInt(string(word), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("look into a process: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksASecond, nil
}

// readSockets is what the kernel's TCP buffers take, of all processes.
func readSockets() (int64, error) {
	text, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0, fmt.Errorf("read the kernel's memory for sockets: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "TCP:"); ok {
			_, pages, _ := strings.Cut(rest, " mem ")
			n, err := strconv.ParseInt(strings.TrimSpace(pages), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read the kernel's memory for sockets: %w", err)
			}
			return n * int64(os.Getpagesize()), nil
		}
	}
	return 0, fmt.Errorf("read the kernel's memory for sockets: /proc/net/sockstat has no TCP")
}
