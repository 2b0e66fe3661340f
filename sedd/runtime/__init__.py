"""What any program of this kind needs: whole files, seeds, provenance, progress, devices, processes, resumable work."""
