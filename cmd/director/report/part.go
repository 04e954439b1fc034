package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"
)

// part gathers one or more files.
type part struct {
	name   string // of what it gathers, for people and for the file that says why it failed
	gather func(g gathered, out *output) error
}

// file is one of the archive.
type file struct {
	name    string
	text    []byte
	trouble string
}

// result is what came of a part.
type result struct {
	files   []file
	learned func(*gathered) // tells the parts that follow; nil is nothing
}

// within gathers a part, for so long as there is time. What has hung goes on beside, unheard.
func (p part) within(ctx context.Context, g gathered, b Bounds) result {
	if ctx.Err() != nil {
		return result{files: []file{p.failed(fmt.Errorf("not gathered: the time for all parts, %v, was over", b.Whole))}}
	}
	out := &output{most: b.Size}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("this is a defect of director: %v", r)
			}
		}()
		done <- p.gather(g, out)
	}()
	limit := time.NewTimer(b.Part)
	defer limit.Stop()
	var err error
	select {
	case err = <-done:
	case <-limit.C:
		err = fmt.Errorf("it took longer than %v", b.Part)
	case <-ctx.Done():
		err = fmt.Errorf("it had not ended when the time for all parts, %v, was over", b.Whole)
	}
	r := out.take()
	if err != nil && !errors.Is(err, errFull) {
		r.files = append(r.files, p.failed(err))
	}
	return r
}

// failed is the file that says why a part, or some of it, is missing.
func (p part) failed(err error) file {
	return file{
		name: p.name + ".failed.txt", text: []byte(err.Error() + "\n"),
		trouble: strings.ReplaceAll(err.Error(), "\n", "; "),
	}
}

// errFull ends the writing of a file that has reached its bound.
var errFull = errors.New("the file is as long as a file of a report may be")

// output takes what a part gathers.
type output struct {
	mu      sync.Mutex
	most    int // bytes of a file
	over    bool
	names   []string
	texts   []*bytes.Buffer
	cut     []bool
	learned func(*gathered)
}

// file begins a file, and ends the one before.
func (o *output) file(name string) *output {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.names, o.texts, o.cut = append(o.names, path.Clean(name)), append(o.texts, &bytes.Buffer{}), append(o.cut, false)
	return o
}

// Write adds to the file that was begun last. What does not fit is left out, and errFull says so.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	last := len(o.texts) - 1
	if o.over || o.cut[last] {
		return 0, errFull
	}
	text := o.texts[last]
	room := o.most - text.Len()
	if len(p) <= room {
		return text.Write(p)
	}
	text.Write(p[:max(room, 0)])
	o.cut[last] = true
	return max(room, 0), errFull
}

// learn has the parts that follow know something.
func (o *output) learn(f func(*gathered)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.learned = f
}

// take ends the writing and gives what was written.
func (o *output) take() (r result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over, r.learned = true, o.learned
	for i, name := range o.names {
		f := file{name: name, text: o.texts[i].Bytes()}
		if o.cut[i] {
			f.trouble = fmt.Sprintf("cut off after %d bytes", o.most)
			f.text = append(f.text, "\n[cut off here: a file of a report has at most "+fmt.Sprint(o.most)+" bytes]\n"...)
		}
		r.files = append(r.files, f)
	}
	return r
}
