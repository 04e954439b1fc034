package fronts

import (
	"fmt"
	"net/netip"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker/front"
)

// Report is what status shows of a front, and what is wrong with it; false is that none is asked for.
func Report(s State) (w control.Worker, problems []string, on bool) {
	if !s.Wanted {
		return w, nil, false
	}
	w = control.Worker{Name: front.Name, Pid: s.Pid, Since: s.Since, Restarts: s.Restarts, Error: s.Error, Heard: s.Heard}
	const nothing = "metrics are not served, and nothing else depends on it"
	switch {
	case s.Pid == 0 && s.Error != "":
		problems = append(problems, fmt.Sprintf("the front does not run: %s; %s", s.Error, nothing))
	case s.Silent:
		w.Silent = "it says nothing; it is killed if that goes on"
		problems = append(problems, "the front has stopped answering: "+nothing)
	}
	return w, append(problems, s.Problems...), true
}

// CheckListen says what is wrong with an address and port of the command line; empty is none.
func CheckListen(text string) error {
	if text == "" {
		return nil
	}
	at, err := netip.ParseAddrPort(text)
	switch {
	case err != nil || at.Port() == 0:
		return fmt.Errorf("%q is not an address and a port, such as 127.0.0.1:9650 or [::1]:9650", text)
	case at.Addr().Unmap().IsUnspecified():
		return fmt.Errorf("%s is every network of the host: give an address, or write metrics { listen ... allow_wildcard } "+
			"into the configuration", at.Addr())
	}
	return nil
}
