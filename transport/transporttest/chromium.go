// Package transporttest drives the test page in a real browser, against any
// server that a test has started.
package transporttest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// installTimeout bounds the installation of Chromium. Behind it the test fails
// and says what to do.
const installTimeout = 5 * time.Minute

// closeTimeout is how long a browser may take to end by itself before it is
// killed.
const closeTimeout = 10 * time.Second

// chromiumNames are the names under which systems install Chromium.
var chromiumNames = []string{
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell", "headless_shell",
}

// Chromium is one headless browser with a fresh profile. It ends with the test.
type Chromium struct {
	ctx context.Context
}

// StartChromium starts a browser. It installs one on Debian, as root, and fails
// the test where there is none and none can be installed.
func StartChromium(t *testing.T) *Chromium {
	t.Helper()
	path, err := chromium()
	if err != nil {
		t.Fatalf("no Chromium: put chromium or google-chrome on the PATH (%v)", err)
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		chromedp.Headless,
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), // which is small in a container
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // its sandbox refuses to work for root
	}
	// The browser outlives t.Context, which ends before the clean-ups that
	// still use it.
	allocator, kill := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, _ := chromedp.NewContext(allocator, chromedp.WithErrorf(t.Logf))
	t.Cleanup(func() {
		closing, cancel := context.WithTimeout(ctx, closeTimeout)
		defer cancel()
		if err := chromedp.Cancel(closing); err != nil {
			t.Logf("closing Chromium: %v", err)
		}
		kill()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return &Chromium{ctx}
}

// chromium finds the browser once for all tests, and installs it at need.
var chromium = sync.OnceValues(func() (string, error) {
	if path, err := findChromium(); err == nil {
		return path, nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return "", fmt.Errorf("it is installed by itself only on Debian and for root")
	}
	ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
	defer cancel()
	for _, arguments := range [][]string{
		{"update"},
		{"install", "-y", "--no-install-recommends", "chromium"},
	} {
		// Tests of another package may install it at the same moment.
		arguments = append([]string{"-q", "-o", "DPkg::Lock::Timeout=120"}, arguments...)
		if out, err := exec.CommandContext(ctx, "apt-get", arguments...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("apt-get %v: %w: %s", arguments, err, out)
		}
	}
	return findChromium()
})

func findChromium() (path string, err error) {
	for _, name := range chromiumNames {
		if path, err = exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", err
}
