package worker

import (
	"errors"
	"io/fs"
	"os"
)

// SetProcessName names this process for ps, top and pgrep (/proc/PID/comm): at
// most 15 bytes. An exec names it after the file that was executed, which for a
// worker is "exe", so each program says its name when it begins. Where /proc is
// not mounted it does nothing.
func SetProcessName(name string) error {
	// Of /proc/self it is the main thread's, whatever thread this is.
	err := os.WriteFile("/proc/self/comm", []byte(name), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
