"""What holds for all patients of a protocol at once: proved, refuted with a patient, or said to be undecided."""
