"""The pure core: values and rules, standard library only. It knows no network, database, clock or dice."""
