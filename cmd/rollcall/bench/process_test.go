package bench

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The memory of a server is read from outside, and must be what it takes.
func TestMemoryThatIsTakenIsSeen(t *testing.T) {
	before, err := readMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	taken := make([]byte, 64<<20)
	for n := 0; n < len(taken); n += 1 << 10 {
		taken[n] = 1
	}
	after, err := readMemory(os.Getpid())
	runtime.KeepAlive(taken)
	if err != nil || after.resident-before.resident < 60<<20 || after.own-before.own < 60<<20 || after.threads < 1 {
		t.Errorf("64 MiB were taken, and it went from %+v to %+v: %v", before, after, err)
	}
}

// A peak is that of what was measured, and not of what came before.
func TestPeakIsForgotten(t *testing.T) {
	const size = 64 << 20
	taken, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(taken); n += 1 << 10 {
		taken[n] = 1
	}
	if err := syscall.Munmap(taken); err != nil {
		t.Fatal(err)
	}
	before, err := readMemory(os.Getpid())
	if err != nil || before.peak-before.resident < size/2 {
		t.Fatalf("64 MiB were taken and given back, and the memory is %+v: %v", before, err)
	}
	if err := forgetPeak(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	after, err := readMemory(os.Getpid())
	if err != nil || before.peak-after.peak < size/2 {
		t.Errorf("the peak went from %d to %d: %v", before.peak, after.peak, err)
	}
}

// The same goes for its work, which is what an idle server should not do.
func TestWorkIsSeen(t *testing.T) {
	before, err := readCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		after, err := readCPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after-before >= 50*time.Millisecond {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after much work, it is still %s", after-before)
		}
	}
}

// The numbers stand at the end of the profile. One that ends before has none.
func TestHeapIsReadFromItsProfile(t *testing.T) {
	text := "heap profile: 1: 2 [3: 4] @ heap/1048576\n# runtime.MemStats\n# HeapInuse = 123\n# Stack = 45 / 678\n# MSpan = 1 / 2\n"
	if h, err := parseHeap(strings.NewReader(text)); err != nil || h != (heap{inUse: 123, stacks: 45}) {
		t.Errorf("it is %+v, %v", h, err)
	}
	if h, err := parseHeap(strings.NewReader(text[:80])); err == nil {
		t.Errorf("a profile without its end is %+v", h)
	}
}
