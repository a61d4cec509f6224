"""Amazon's services as they are at their worst, inside one seed's world."""
