"""The only modules that touch sockets, disks and clocks. No policy lives here."""
