package main

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/lvs-director/director/supervisor/control"
)

// upgradePatience is how long the user's command waits for an upgrade.
const upgradePatience = time.Minute

type upgradeCmd struct {
	byFile
	Binary string `placeholder:"PATH" help:"The program to continue with; default the file that the running one was started from."`
}

// Help is the example that "director upgrade --help" shows.
func (upgradeCmd) Help() string {
	return `Puts a new program in the place of a running director: same process, same configuration, no script runs and
no advertisement is missed. First the supervisor is replaced, then, when the file is another one than theirs,
the workers one at a time. A program that cannot go on is refused, and nothing changes.

Example: install the package, then type: director upgrade`
}

// Run asks for an upgrade and waits for it.
func (c *upgradeCmd) Run(io streams) error {
	q := control.UpgradeRequest{}
	if c.Binary != "" {
		path, err := filepath.Abs(c.Binary)
		if err != nil {
			return fmt.Errorf("finding %s: %w", c.Binary, err)
		}
		q.Binary = path
	}
	var before, now control.UpgradeReport
	if err := control.Ask(c.run(), http.MethodPost, "/v1/upgrade", upgradePatience, q, &before); err != nil {
		return err
	}
	for end := time.Now().Add(upgradePatience); ; time.Sleep(50 * time.Millisecond) {
		now = control.UpgradeReport{}
		// It does not answer in the moment in which it is replaced.
		err := control.Ask(c.run(), http.MethodGet, "/v1/upgrade", 10*time.Second, nil, &now)
		switch {
		case errors.Is(err, control.ErrNoDirector):
			return fmt.Errorf("director has ended during the upgrade; its log says why: %w", err)
		case err == nil && now.Error != "":
			return fmt.Errorf("upgrade: %s", now.Error)
		case err == nil && now.Upgrades > before.Upgrades && !now.Busy:
			workers := "the workers run on"
			if len(now.Replaced) > 0 {
				workers = "replaced: worker " + strings.Join(now.Replaced, ", worker ")
			}
			fmt.Fprintf(io.out, "director %s goes on as pid %d in the place of %s; %s\n", now.Version, now.Pid, before.Version,
				workers)
			return nil
		case time.Now().After(end):
			return errors.Join(errors.New("the upgrade has not finished in time: see director status and the log"), err)
		}
	}
}
