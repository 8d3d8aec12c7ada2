"""Testing: the fakes we test with, shipped so that driver authors test with the same.

    a line           `conversation`: two ends of it · `wires`, `faulty_line`, `another_speed`: what goes wrong
                     between them · `silent_link`, `device_server`: over sockets
    a driver         `conformance`: what each has to do · `station_bench`, `gap_bench`
    a machine        `machine_bench` · `storyteller`: its day in exceptions
    the cloud        `memory_uplink` and its like: without a network · `mosquitto`, `proxy`, `nucleus`: real
                     sockets
    a gateway        `event_source` with `judgement` · `command_bench` · `service_manager` · `another_world`
    time             `clock`, `virtual_loop`: a number · `patience`: where it is real

How a process ends, and what it leaves behind:

    `mortal_end`     killed at any step of a line, in virtual time; nothing but the journal and the note stay.
                     `mortal_collector` with a station in it, `polling_host` with a bare connection
    `power_cut`      the power goes before any step of what is written through `credentials.disk`
    `power_loss`     what the power could have left of a folder, whoever writes it: the journal's
    `damage`         what a disk, a person or another program does to files afterwards
    `small_disk`     a real file system that is full or fails
"""
