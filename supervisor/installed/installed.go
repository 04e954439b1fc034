package installed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/signals"
)

const (
	patience   = 3 * time.Second // for a program to say its version
	maxAnswer  = 4 << 10         // bytes that it may print
	maxVersion = 200             // bytes of a version
	retryAfter = time.Minute     // a file that did not say its version is asked again
)

// File is what is known of a file that holds another program than the one that runs. The zero File knows nothing.
type File struct {
	info    fs.FileInfo
	version string
	err     error     // why the version is not known
	asked   time.Time // when
}

// Look looks at the file at path, of which last is what was known, while the program running runs, which is a path
// as well (/proc/self/exe). It is the zero File when both are the same file, or no file is there: a program without
// one cannot be told to upgrade.
func Look(ctx context.Context, last File, path, running string) File {
	file, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return File{}
		}
		return File{err: err}
	}
	if self, err := os.Stat(running); err == nil && os.SameFile(self, file) {
		return File{}
	}
	now := time.Now()
	if last.isOf(file) && (last.err == nil || now.Sub(last.asked) < retryAfter) {
		return last
	}
	f := File{info: file, asked: now}
	if f.err = trusted(file); f.err == nil {
		f.version, f.err = ask(ctx, path)
	}
	return f
}

// isOf reports whether the file is the one that f is about, unchanged.
func (f File) isOf(file fs.FileInfo) bool {
	return f.info != nil && os.SameFile(f.info, file) && f.info.ModTime().Equal(file.ModTime()) &&
		f.info.Size() == file.Size() && f.info.Mode() == file.Mode()
}

// Problem is what status says of the file at path, while a program of that version runs; "" when there is nothing.
func (f File) Problem(path, runs string) string {
	switch {
	case f.err != nil:
		return fmt.Sprintf("runs %s, and %s is another program, whose version is not known: %v", runs, path, f.err)
	case f.version == "" || f.version == runs:
		return ""
	}
	return fmt.Sprintf("runs %s, %s is installed: restart needed, unless director upgrade succeeds", runs, f.version)
}

// trusted says why a file is not run to ask it: only root may have written it.
func trusted(file fs.FileInfo) error {
	stat, ok := file.Sys().(*syscall.Stat_t)
	switch {
	case !file.Mode().IsRegular():
		return errors.New("it is no regular file")
	case !ok || stat.Uid != 0:
		return errors.New("it does not belong to root, and is not asked")
	case file.Mode().Perm()&0o022 != 0:
		return errors.New("others than root may write to it, and it is not asked")
	}
	return nil
}

// ask has the program say its version.
func ask(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var out *answer
	err := signals.Run(func() error {
		out = &answer{full: cancel}
		cmd := exec.CommandContext(ctx, path, "version")
		cmd.Args[0] = "director" // a file called keepalived has keepalived's way of calling
		cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
		cmd.Stdout = out
		cmd.WaitDelay = time.Second
		// Not traced: it may be any program.
		if err := signals.Blocked(cmd.Start); err != nil {
			return err
		}
		return cmd.Wait()
	})
	switch {
	case out.tooMuch:
		return "", fmt.Errorf("it prints more than %d bytes when it is asked for its version", maxAnswer)
	case ctx.Err() != nil:
		return "", fmt.Errorf("it does not say its version within %v", patience)
	case err != nil:
		return "", fmt.Errorf("asking it for its version: %w", err)
	}
	return version(string(out.text))
}

// version reads what "director version" prints.
func version(text string) (string, error) {
	line, rest, _ := strings.Cut(text, "\n")
	v, ok := strings.CutPrefix(line, "director ")
	if !ok || v == "" || rest != "" || len(v) > maxVersion || strings.ContainsFunc(v, unprintable) {
		return "", errors.New("it does not say its version as director does")
	}
	return v, nil
}

func unprintable(r rune) bool { return r < ' ' || r > '~' }

// answer is what a program prints; full is called when it is too much. A bytes.Buffer in it would read
// without end by its ReadFrom.
type answer struct {
	text    []byte
	full    func()
	tooMuch bool
}

func (a *answer) Write(p []byte) (int, error) {
	if len(a.text)+len(p) > maxAnswer {
		a.tooMuch = true
		a.full()
		return len(p), nil
	}
	a.text = append(a.text, p...)
	return len(p), nil
}
