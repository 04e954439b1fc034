//go:build linux

package traffic

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lvs-director/director/integration/lab"
)

// Download is a long answer that a client on a host reads: an established
// connection that must not break.
type Download struct {
	*lab.Process

	mu     sync.Mutex
	server string
	lines  int
	result string
}

// StartDownload makes the host read from a target for the given time (whole
// seconds). The download has begun when this returns, or has failed.
func StartDownload(h *lab.Host, target string, length time.Duration) *Download {
	d := &Download{}
	begun := make(chan struct{}, 1)
	d.Process = start(h, "download", "download", func(line string) {
		d.mu.Lock()
		defer d.mu.Unlock()
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "from":
			d.server = rest
			begun <- struct{}{}
		case "line":
			d.lines++
		case "result":
			d.result = rest
		}
	}, "-target", target, "-seconds", strconv.Itoa(int(length/time.Second)))
	select {
	case <-begun:
	case <-time.After(5 * time.Second):
	}
	return d
}

// Server is the real server that the download comes from.
func (d *Download) Server() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.server
}

// Lines is how many lines have come so far.
func (d *Download) Lines() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lines
}

// Result waits for the end of the download. It returns "complete", or the error.
func (d *Download) Result(limit time.Duration) string {
	d.WaitEnd(limit)
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.result
}

// runDownload is the reading process.
func runDownload(args []string) error {
	flags := flag.NewFlagSet("download", flag.ContinueOnError)
	target := flags.String("target", "", "address and port")
	seconds := flags.Int("seconds", 1, "length")
	if err := flags.Parse(args); err != nil {
		return err
	}
	err := download(*target, *seconds)
	if err != nil {
		fmt.Println("result", err)
		return nil
	}
	fmt.Println("result complete")
	return nil
}

func download(target string, seconds int) error {
	answer, err := http.Get(fmt.Sprintf("http://%s/stream?seconds=%d", target, seconds))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	fmt.Println("from", answer.Header.Get(serverHeader))
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if lines.Text()+"\n" == streamEnd {
			return nil
		}
		fmt.Println("line")
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errors.New("ended too early")
}
