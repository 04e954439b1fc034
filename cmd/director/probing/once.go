package probing

import (
	"context"
	"sync"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/virtualserver/ipvs"
)

// programsOnce runs the programs of MISC_CHECK, with the rights of this command.
func programsOnce(cfg *conf.Config) probe.Programs {
	commands := make(map[string]program.Command)
	for _, vs := range cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			for i := range rs.Checkers {
				if m := rs.Checkers[i].Misc; m != nil {
					commands[m.ProgramID()] = program.Of(m.Script, cfg.Global)
				}
			}
		}
	}
	return func(id string, done func(event.ProgramEnd)) func() {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			e := program.Runner{}.Run(ctx, commands[id], nil)
			if ctx.Err() == nil {
				done(event.ProgramEnd{Code: e.Code, Signal: e.Signal, TimedOut: e.TimedOut, Err: e.Err})
			}
		}()
		return cancel
	}
}

// pathOnce looks into the kernel's table, where a running director has a service for each check as_client: without
// it whoever answers at the virtual address would pass for the real server.
func pathOnce() func(mark uint32) bool {
	paths := sync.OnceValue(func() map[uint32]bool {
		marks := make(map[uint32]bool)
		driver, err := ipvs.Open()
		if err != nil {
			return marks
		}
		defer driver.Close()
		services, _ := driver.Services() // none is none
		for _, s := range services {
			if s.Key.FWMark == 0 {
				continue
			}
			list, err := driver.Destinations(s.Key)
			marks[s.Key.FWMark] = marks[s.Key.FWMark] || err == nil && len(list) > 0
		}
		return marks
	})
	return func(mark uint32) bool { return paths()[mark] }
}

// filesOnce reads track_files.
func filesOnce(cfg *conf.Config) probe.Files {
	return func(name string, done func(probe.FileValue)) func() {
		v := probe.FileValue{Missing: true}
		for _, f := range cfg.Files {
			if f.Name == name {
				v = probe.FileValue{Value: tracking.LookAtFile(f).Value}
			}
		}
		done(v)
		return func() {}
	}
}
