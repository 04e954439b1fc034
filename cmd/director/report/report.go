package report

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// Options say which director it is about.
type Options struct {
	RunDir   worker.RunDir
	StateDir string       // of a director that does not run
	File     string       // the configuration; empty is the running director's, else the default one
	Load     load.Options // how that is read
	Version  string       // of this program
	Now      time.Time
	Host     string // the name of this host
}

// Bounds are those of a report.
type Bounds struct {
	Size        int           // bytes of each file
	Part, Whole time.Duration // of each part, and of all
}

// DefaultBounds are those of director report.
var DefaultBounds = Bounds{Size: 64 << 20, Part: 10 * time.Second, Whole: time.Minute}

// Entry is a file of the archive.
type Entry struct {
	Name string
	Size int
	// Trouble says why the file is not what it should be; empty when it is.
	Trouble string
}

// Name is the name of a report without the end of a file's name: host and time, and nothing that a
// file system or a shell takes for something else.
func (o *Options) Name() string {
	host := regexp.MustCompile(`[^A-Za-z0-9.-]`).ReplaceAllString(o.Host, "_")
	return fmt.Sprintf("director-report-%.64s-%s", strings.TrimLeft(host, ".-"), o.Now.UTC().Format("20060102T150405Z"))
}

// Run is director report: it writes a report to the file output and prints to out what is in it.
// The empty output is a name of its own in the working directory; "-" is out, which must not be a
// terminal, and what is in it goes to errOut.
func Run(o Options, output string, out, errOut io.Writer, terminal bool) error {
	o.Now = time.Now().Truncate(time.Second)
	o.Host, _ = os.Hostname() // a report of nobody is one as well
	if output == "-" && terminal {
		return errors.New("a report is no text for a terminal: name a file with -o")
	}
	if output == "-" {
		list, err := Write(out, o, DefaultBounds)
		if err != nil {
			return err
		}
		return tell(errOut, list, "The report")
	}
	if output == "" {
		output = o.Name() + ".tar.gz"
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	list, err := save(ctx, o, output, parts)
	if err != nil {
		return err
	}
	return tell(out, list, output)
}

// save writes a report to a file of its own, until ctx ends.
func save(ctx context.Context, o Options, path string, parts []part) ([]Entry, error) {
	f, err := create(path)
	if err != nil {
		return nil, err
	}
	list, err := write(ctx, f, o, DefaultBounds, parts)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(path)) // half a report is none
	}
	return list, nil
}

// create makes the file of a report, which nobody else may read. One that is there, a symbolic link
// too, is left alone: that is an error.
func create(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making the report: %w", err)
	}
	return f, nil
}

func tell(w io.Writer, list []Entry, name string) error {
	List(w, list)
	_, err := fmt.Fprintf(w, "\n%s is written. %s\n", name, Advice)
	return err
}

// Write gathers all parts and writes the archive, a tar compressed by gzip, to w. It tells what is in
// it. An error is one of w: no part that fails is.
func Write(w io.Writer, o Options, b Bounds) ([]Entry, error) {
	return write(context.Background(), w, o, b, parts)
}

// write is Write until told ends, which is an error: the user wants no report any more.
func write(told context.Context, w io.Writer, o Options, b Bounds, list []part) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(told, b.Whole)
	defer cancel()
	packed := gzip.NewWriter(w)
	archive := tar.NewWriter(packed)
	var entries []Entry
	add := func(f file) error {
		entries = append(entries, Entry{f.name, len(f.text), f.trouble})
		h := &tar.Header{Name: o.Name() + "/" + f.name, Mode: 0o600, Size: int64(len(f.text)), ModTime: o.Now,
			Typeflag: tar.TypeReg}
		if err := archive.WriteHeader(h); err != nil {
			return err
		}
		_, err := archive.Write(f.text)
		return err
	}
	g := &gathered{Options: o, config: &conf.Config{}}
	for _, p := range list {
		result := p.within(ctx, *g, b)
		if told.Err() != nil {
			return entries, errors.New("writing the report: interrupted")
		}
		if result.learned != nil {
			result.learned(g)
		}
		for _, f := range result.files {
			if err := add(f); err != nil {
				return entries, fmt.Errorf("writing the report: %w", err)
			}
		}
	}
	err := add(file{name: "contents.txt", text: []byte(contents(o, entries))})
	err = errors.Join(err, archive.Close(), packed.Close())
	if err != nil {
		return entries, fmt.Errorf("writing the report: %w", err)
	}
	return entries, nil
}

// Advice is the sentence that whoever sends a report has to read.
const Advice = "Look at it before you send it: secrets of the configuration are left out, but names, addresses and " +
	"what your scripts print are in it."

// contents is what is in a report, for people.
func contents(o Options, list []Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "director report of %s, %s, by director %s\n\n", o.Host, o.Now.Format(time.RFC3339), o.Version)
	List(&b, list)
	b.WriteString("\n" + Advice + "\n")
	return b.String()
}

// List writes a line about each file.
func List(w io.Writer, list []Entry) {
	for _, e := range list {
		fmt.Fprintf(w, "%-24s %9d bytes", e.Name, e.Size)
		if e.Trouble != "" {
			fmt.Fprintf(w, "  ! %s", e.Trouble)
		}
		fmt.Fprintln(w)
	}
}

// gathered is what parts know from those before them. A part has a copy: one that is late changes
// nothing of the others.
type gathered struct {
	Options
	asked  bool            // for the status
	status *control.Status // nil when no director has answered
	config *conf.Config    // empty when it cannot be read
	path   string          // its file
}
